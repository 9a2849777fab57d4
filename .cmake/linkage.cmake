# What is linked, and how. Sets
#   redlock_static      off, libs or full
#   redlock_libraries   hiredis and OpenSSL
#   redlock_runtime     link options for all programs
#   redlock_position    link options for redlock alone
#   REDLOCK_TLS_MODULE  whether OpenSSL is apart from the program

string(TOLOWER "${REDLOCK_STATIC}" redlock_static)
string(REGEX REPLACE "^(on|yes|true|1)$" "libs" redlock_static "${redlock_static}")
string(REGEX REPLACE "^(no|false|0)$" "off" redlock_static "${redlock_static}")
if(NOT redlock_static MATCHES "^(off|libs|full)$")
  message(FATAL_ERROR "REDLOCK_STATIC is '${REDLOCK_STATIC}': it must be off, libs or full")
endif()
if(REDLOCK_SANITIZE)
  set(redlock_static off)  # their runtimes want shared libraries
endif()

# A position independent program pays at each start for every pointer in OpenSSL's tables, whether or not a node uses TLS:
# 0.3 ms linked statically, 0.8 ms as shared libraries. So it loads OpenSSL when a node speaks TLS, and the distribution's.
set(REDLOCK_TLS_MODULE OFF)
if(REDLOCK_PIE AND NOT redlock_static STREQUAL "full" AND NOT REDLOCK_SANITIZE)
  set(REDLOCK_TLS_MODULE ON)
endif()

function(redlock_need_static file found)
  if(NOT found)
    message(FATAL_ERROR "REDLOCK_STATIC=${REDLOCK_STATIC} needs ${file}, which is not installed. Install it, or link shared "
                        "libraries with -DREDLOCK_STATIC=off")
  endif()
endfunction()

# redlock_find_static(VARIABLE PREFIX): what pkg-config names for a static PREFIX. What OpenSSL needs besides depends on how it
# was built (on Debian 13: zlib and zstd).
function(redlock_find_static variable prefix)
  set(found "")
  foreach(name IN LISTS ${prefix}_STATIC_LIBRARIES)
    if(name MATCHES "^(dl|m|pthread)$")  # parts of libc
      continue()
    endif()
    find_library(REDLOCK_LIB_${name} lib${name}.a HINTS ${${prefix}_STATIC_LIBRARY_DIRS})
    redlock_need_static(lib${name}.a "${REDLOCK_LIB_${name}}")
    list(APPEND found ${REDLOCK_LIB_${name}})
  endforeach()
  set(${variable} ${found} PARENT_SCOPE)
endfunction()

# The libraries of the compiler itself: it knows where they are.
function(redlock_need_compilers file)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=${file} OUTPUT_VARIABLE path
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(FIND "${path}" "/" slash)  # without one it has not been found
  if(slash LESS 0)
    set(path "")
  endif()
  redlock_need_static(${file} "${path}")
endfunction()

set(hiredis ${HIREDIS_LINK_LIBRARIES})
set(openssl ${LIBSSL_LINK_LIBRARIES})
set(redlock_runtime "")
if(NOT redlock_static STREQUAL "off")
  redlock_find_static(hiredis HIREDIS)
  if(NOT REDLOCK_TLS_MODULE)
    redlock_find_static(openssl LIBSSL)
  endif()
  redlock_need_compilers(libstdc++.a)
  if(redlock_static STREQUAL "libs")  # beside -static-pie it would bring the shared libc back
    set(redlock_runtime -static-libstdc++ -static-libgcc)
  endif()
endif()
set(redlock_libraries ${hiredis} ${openssl})

set(redlock_position "")
if(redlock_static STREQUAL "full")
  redlock_need_compilers(libc.a)
endif()
if(REDLOCK_PIE AND NOT REDLOCK_SANITIZE)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  set(redlock_position -pie)
  if(redlock_static STREQUAL "full")
    set(redlock_position -static-pie)
  endif()
elseif(NOT redlock_static STREQUAL "off")
  # At a fixed address there is nothing to adjust. Stack, heap and libc stay at random addresses.
  set(redlock_position -no-pie)
  if(redlock_static STREQUAL "full")
    # crtbeginT.o, meant for this, has the unwinder sort all of .eh_frame when the first exception is thrown: 8 to 15 ms. With
    # crtbegin.o in its place, and a table, it searches.
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=crtbegin.o OUTPUT_VARIABLE crtbegin
                    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    # The linker warns of getaddrinfo, dlopen and gethostbyname. src/linkage/static_names.cpp takes the danger out of the first;
    # OpenSSL has the others for what redlock does not ask of it.
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/crt)
    file(CREATE_LINK ${crtbegin} ${CMAKE_BINARY_DIR}/crt/crtbeginT.o SYMBOLIC)
    set(redlock_position -static -no-pie -B${CMAKE_BINARY_DIR}/crt/ -Wl,--eh-frame-hdr)
  endif()
endif()
