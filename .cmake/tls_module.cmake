# OpenSSL in a module beside the program: see src/linkage/tls_functions.hpp.
add_library(redlock-tls MODULE src/linkage/tls_exports.cpp)
target_link_libraries(redlock-tls PRIVATE redlock_core redlock_warnings)
target_compile_definitions(redlock-tls PRIVATE REDLOCK_VERSION="${PROJECT_VERSION}")
target_link_options(redlock-tls PRIVATE -Wl,--gc-sections -Wl,--exclude-libs,ALL -Wl,--as-needed)
set_target_properties(redlock-tls PROPERTIES PREFIX "")

# What tls_calls.cpp defines is not looked for in redlock_core, and so the program needs no OpenSSL.
target_sources(redlock PRIVATE src/linkage/tls_calls.cpp)
target_compile_definitions(redlock PRIVATE REDLOCK_VERSION="${PROJECT_VERSION}")
target_link_libraries(redlock PRIVATE ${CMAKE_DL_LIBS})
target_link_options(redlock PRIVATE -Wl,--as-needed)
add_dependencies(redlock redlock-tls)

set(module_dir ${CMAKE_INSTALL_LIBDIR}/redlock)
file(RELATIVE_PATH from_program ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_PREFIX}/${module_dir})
set_target_properties(redlock PROPERTIES BUILD_RPATH "$ORIGIN" INSTALL_RPATH "$ORIGIN/${from_program}")
install(TARGETS redlock-tls LIBRARY DESTINATION ${module_dir})
