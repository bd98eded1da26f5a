set(KEYHSM_PLUGIN_DIR "${CMAKE_INSTALL_FULL_LIBDIR}/keyhsm/plugins")
# keytrusteed looks nowhere else, and there is no pkcs11 in it: the HSM's PIN is keyhsmd's alone.
set(KEYTRUSTEE_PLUGIN_DIR "${CMAKE_INSTALL_FULL_LIBDIR}/keytrustee/plugins")
set(KEYTRUSTEE_PLUGINS softfile keyhsm)
# Where the plugins of this build tree are, for tests and benches.
set(KEYHSM_BUILD_PLUGIN_DIR "${CMAKE_BINARY_DIR}/plugins/lib")

set(KEYHSM_PLUGIN_MAP "${PROJECT_SOURCE_DIR}/plugins/plugin.map")
include(KeyhsmPlugin)

# keyhsm_ship_plugin(NAME): a plugin of ours is found in this build tree, and installed.
function(keyhsm_ship_plugin name)
  set_target_properties(plugin_${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${KEYHSM_BUILD_PLUGIN_DIR}")
  install(TARGETS plugin_${name} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/keyhsm/plugins"
    COMPONENT keyhsm)
  if(name IN_LIST KEYTRUSTEE_PLUGINS)
    install(TARGETS plugin_${name} LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/keytrustee/plugins"
      COMPONENT keytrustee)
  endif()
endfunction()

# keyhsm_add_program(NAME SOURCE...): one binary. Daemons go to sbin, tools to bin: DESTINATION says.
function(keyhsm_add_program name)
  add_executable(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  target_link_libraries(${name} PRIVATE keyhsm_program)
  # Which package it is in.
  if(name MATCHES "^ktadmin$|^keytrustee")
    set(component keytrustee)
  else()
    set(component keyhsm)
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT ${component})
endfunction()

# Tests that sign with Ed25519 by SoftHSM, which loses memory there: see the file.
function(keyhsm_tests_with_ed25519)
  set_property(TEST ${ARGN} APPEND PROPERTY ENVIRONMENT
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lsan.supp:print_suppressions=0")
endfunction()

# keyhsm_add_unit_test(NAME SOURCES a.c ... LIBS target ...): a CUnit program and its ctest entry.
function(keyhsm_add_unit_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE keyhsm_testlib ${T_LIBS})
  add_test(NAME ${name} COMMAND ${name})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${T_TIMEOUT} LABELS "unit;${T_LABELS}")
endfunction()
