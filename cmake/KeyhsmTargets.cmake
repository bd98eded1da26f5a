set(KEYHSM_PLUGIN_DIR "${CMAKE_INSTALL_FULL_LIBDIR}/keyhsm/plugins")
# keytrusteed looks nowhere else, and there is no pkcs11 in it: the HSM's PIN is keyhsmd's alone.
set(KEYTRUSTEE_PLUGIN_DIR "${CMAKE_INSTALL_FULL_LIBDIR}/keytrustee/plugins")
set(KEYTRUSTEE_PLUGINS softfile keyhsm)
# Where the plugins of this build tree are, for tests and benches.
set(KEYHSM_BUILD_PLUGIN_DIR "${CMAKE_BINARY_DIR}/plugins/lib")

# keyhsm_add_plugin(NAME SOURCE...): one loadable backend, NAME.so, exporting kh_plugin only.
function(keyhsm_add_plugin name)
  add_library(plugin_${name} MODULE ${ARGN})
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY "${KEYHSM_BUILD_PLUGIN_DIR}")
  target_link_libraries(plugin_${name} PRIVATE keyhsm_headers)
  target_link_options(plugin_${name} PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/plugins/plugin.map)
  set_property(TARGET plugin_${name} APPEND PROPERTY
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/plugins/plugin.map)
  # The loader refuses what others may write; a checkout under umask 002 would make it so.
  add_custom_command(TARGET plugin_${name} POST_BUILD
    COMMAND chmod go-w $<TARGET_FILE:plugin_${name}> $<TARGET_FILE_DIR:plugin_${name}>)
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
