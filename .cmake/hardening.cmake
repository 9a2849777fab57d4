# The flags with which Debian compiles its packages (dpkg-buildflags). They cost nothing that can be measured.
include(CheckCXXCompilerFlag)
set(flags -fstack-protector-strong -Wformat -Werror=format-security)
foreach(flag IN ITEMS -fstack-clash-protection -fcf-protection)  # not on every processor
  string(MAKE_C_IDENTIFIER "REDLOCK_HAS${flag}" has)
  check_cxx_compiler_flag(${flag} ${has})
  if(${has})
    list(APPEND flags ${flag})
  endif()
endforeach()
target_compile_options(redlock_standard INTERFACE ${flags})
# It does nothing but warn where the compiler does not optimise. Flags that are given may have it already.
if(NOT "${CMAKE_CXX_FLAGS}" MATCHES "_FORTIFY_SOURCE")
  target_compile_definitions(redlock_standard INTERFACE $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:_FORTIFY_SOURCE=2>)
endif()
target_link_options(redlock_standard INTERFACE -Wl,-z,relro -Wl,-z,now)
