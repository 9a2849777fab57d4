# Read by cpack once it knows which kind of package it makes.
if(CPACK_GENERATOR STREQUAL "DEB")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_PRE_BUILD_SCRIPTS ${CPACK_REDLOCK_DEBIAN}/stage.cmake)
endif()
