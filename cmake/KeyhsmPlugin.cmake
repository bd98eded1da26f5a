# keyhsm_add_plugin(NAME SOURCE...): the target plugin_NAME, one loadable backend, NAME.so. It compiles against the public
# headers, links against nothing of keyhsm, and exports kh_plugin alone, under a version that names the plugin ABI. A part of
# libkeyhsm-dev: plugins of keyhsm and of vendors are built by the same lines. KEYHSM_PLUGIN_MAP is the linker's map.
function(keyhsm_add_plugin name)
  add_library(plugin_${name} MODULE ${ARGN})
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name} SUFFIX .so
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden LINK_DEPENDS "${KEYHSM_PLUGIN_MAP}")
  target_link_libraries(plugin_${name} PRIVATE keyhsm::headers)
  target_link_options(plugin_${name} PRIVATE "-Wl,--version-script=${KEYHSM_PLUGIN_MAP}")
  # The loader refuses what others may write; a checkout under umask 002 would make it so.
  add_custom_command(TARGET plugin_${name} POST_BUILD
    COMMAND chmod go-w $<TARGET_FILE:plugin_${name}> $<TARGET_FILE_DIR:plugin_${name}>)
endfunction()
