# `cpack -G DEB` in the build folder makes a Debian package, `cpack -G TGZ` an archive to unpack anywhere. Two runs with the
# same SOURCE_DATE_EPOCH make the same bytes.
set(CPACK_PACKAGE_CONTACT "redlock developers <redlock@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "run a command on one machine at a time, under a quorum of Redis servers")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)
string(TOLOWER "${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR}" system)
set(CPACK_PACKAGE_FILE_NAME redlock-${PROJECT_VERSION}-${system})
set(CPACK_GENERATOR TGZ)
if(REDLOCK_TLS_MODULE)
  set(CPACK_GENERATOR DEB)
endif()

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS redis-server)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"redlock runs a command on one machine at a time, when there are many machines.
The lock lives on several independent Redis servers, of which a majority must
grant it (the Redlock algorithm), so that a minority of them may be down.
The command is stopped before its lease ends when the lock cannot be extended,
and each grant carries a fencing token.")

set(CPACK_REDLOCK_DEBIAN ${CMAKE_CURRENT_LIST_DIR}/debian)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_LIST_DIR}/debian/choose.cmake)
include(CPack)
