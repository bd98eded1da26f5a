# Between installation and packing, for each package: what Debian's policy wants beside what `cmake --install` puts
# there; and one date on everything, so that two builds give the same bytes.
set(date "$ENV{SOURCE_DATE_EPOCH}")
if(date STREQUAL "")
  message(FATAL_ERROR "SOURCE_DATE_EPOCH is not set; scripts/package sets it")
endif()

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

foreach(component ${CPACK_COMPONENTS_ALL})
  set(root "${CPACK_TEMPORARY_DIRECTORY}/${component}")
  if(NOT IS_DIRECTORY "${root}")
    message(FATAL_ERROR "nothing was installed for ${component} in ${root}")
  endif()
  set(doc "${root}/usr/share/doc/${component}")
  file(MAKE_DIRECTORY "${doc}")
  configure_file("${CPACK_KEYHSM_PACKAGING_DIR}/changelog.in" "${doc}/changelog" @ONLY)
  configure_file("${CPACK_KEYHSM_PACKAGING_DIR}/copyright" "${doc}/copyright" COPYONLY)
  file(GLOB_RECURSE pages "${root}/usr/share/man/*.[158]")
  foreach(file "${doc}/changelog" ${pages})
    run(gzip -9nf "${file}")
  endforeach()
  file(GLOB overrides "${CPACK_KEYHSM_PACKAGING_DIR}/${component}/lintian-overrides")
  if(overrides)
    configure_file("${overrides}" "${root}/usr/share/lintian/overrides/${component}" COPYONLY)
  endif()
  # As the policy has it, whatever the umask was: a configuration, too, is for all to read as long as it is the one of
  # the package; postinst closes it.
  run(find "${root}" ! -type l -exec chmod u=rwX,go=rX {} +)
  run(find "${root}" -exec touch -h -d "@${date}" {} +)
endforeach()
