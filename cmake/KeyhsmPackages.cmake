# The Debian packages: scripts/package builds them. What is in which package is said where it is installed
# (COMPONENT); keyhsm has what says nothing.
set(KEYHSM_PACKAGE_VERSION "${PROJECT_VERSION}" CACHE STRING "Version of the Debian packages")

set(CPACK_GENERATOR DEB)
# Each package has its own: what CMake takes for "none given" is not put before it.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${CMAKE_PROJECT_NAME} built using CMake")
set(CPACK_PACKAGE_NAME keyhsm)
set(CPACK_PACKAGE_VENDOR "The keyhsm maintainers")
set(CPACK_PACKAGE_CONTACT "The keyhsm maintainers <maintainers@keyhsm.invalid>")
set(CPACK_PACKAGE_VERSION "${KEYHSM_PACKAGE_VERSION}")
set(CPACK_PACKAGING_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL keyhsm keytrustee libkeyhsm-dev libkeyhsm-provider)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# Manual pages are compressed, changelog and copyright are added.
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/packaging/finish.cmake")
set(CPACK_KEYHSM_PACKAGING_DIR "${PROJECT_SOURCE_DIR}/packaging")

set(packaging "${PROJECT_SOURCE_DIR}/packaging")
foreach(component KEYHSM KEYTRUSTEE)
  string(TOLOWER ${component} name)
  set(CPACK_DEBIAN_${component}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${component}_PACKAGE_SECTION admin)
  set(CPACK_DEBIAN_${component}_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_${component}_PACKAGE_CONTROL_EXTRA
    "${packaging}/${name}/postinst;${packaging}/${name}/prerm;${packaging}/${name}/postrm;${packaging}/${name}/conffiles")
endforeach()
list(APPEND CPACK_DEBIAN_KEYHSM_PACKAGE_CONTROL_EXTRA "${packaging}/keyhsm/triggers")
set(CPACK_DEBIAN_KEYHSM_PACKAGE_DEPENDS adduser)
# The module it has by default; who has an HSM does without.
set(CPACK_DEBIAN_KEYHSM_PACKAGE_RECOMMENDS "softhsm2, logrotate")
set(CPACK_DEBIAN_KEYTRUSTEE_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_KEYTRUSTEE_PACKAGE_RECOMMENDS logrotate)
set(CPACK_DEBIAN_KEYTRUSTEE_PACKAGE_SUGGESTS keyhsm)
set(CPACK_DEBIAN_LIBKEYHSM-DEV_PACKAGE_NAME libkeyhsm-dev)
set(CPACK_DEBIAN_LIBKEYHSM-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBKEYHSM-DEV_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBKEYHSM-PROVIDER_PACKAGE_NAME libkeyhsm-provider)
set(CPACK_DEBIAN_LIBKEYHSM-PROVIDER_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_LIBKEYHSM-PROVIDER_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_KEYHSM_PACKAGE_SUGGESTS "libkeyhsm-dev, libkeyhsm-provider")

set(CPACK_COMPONENT_KEYHSM_DESCRIPTION
"driver between key servers and a hardware security module
keyhsmd serves deposits (secrets with a name) whose envelopes only a key on a
hardware security module opens. It talks PKCS#11 to the module and mutual TLS
to key servers.

The package has the daemon keyhsmd, the tool keyhsm that sets it up, and
ktmigrate, which moves a file-based key store behind the module.")
set(CPACK_COMPONENT_KEYTRUSTEE_DESCRIPTION
"key server for clusters that encrypt their data at rest
keytrusteed keeps the keys of a cluster: in files, or behind a hardware
security module by way of keyhsmd. Rules say who may have which; an audit log
that is chained by hashes says who had.

The package has the daemon keytrusteed and the tool ktadmin, which makes a
store and integrates it with keyhsmd. It has no PKCS#11 and no PIN.")
set(CPACK_COMPONENT_LIBKEYHSM-DEV_DESCRIPTION
"headers for backend plugins of keyhsm
A backend of keyhsm is one shared object behind one table of functions. The
package has the headers, which are all that it compiles against, files for
pkg-config and CMake, an example, and the tests that `keyhsm backend check`
runs on a plugin.")
set(CPACK_COMPONENT_LIBKEYHSM-PROVIDER_DESCRIPTION
"OpenSSL provider for keys and deposits of keyhsm
Programs that use OpenSSL 3, like nginx, curl or PostgreSQL, take their private
keys from keyhsmd or keytrusteed by name: a deposit's into their memory, and
those of a hardware security module never, for it does their work.

The package has the provider, to be named in an openssl.cnf, and an example of
one.")
include(CPack)
