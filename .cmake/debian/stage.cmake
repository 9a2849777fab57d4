# Run by cpack on what `cmake --install` has put into the staging folder: Debian's own places and forms.
set(root ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
foreach(file IN ITEMS changelog copyright)
  file(COPY ${CPACK_REDLOCK_DEBIAN}/${file} DESTINATION ${root}/doc/redlock
       FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endforeach()
foreach(page IN ITEMS man/man1/redlock.1 man/man5/redlock.toml.5 doc/redlock/changelog doc/redlock/NOTICES)
  execute_process(COMMAND gzip -9nf ${root}/${page} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(MAKE_DIRECTORY ${root}/zsh/vendor-completions ${root}/doc/redlock/examples)
file(RENAME ${root}/zsh/site-functions/_redlock ${root}/zsh/vendor-completions/_redlock)
file(REMOVE_RECURSE ${root}/zsh/site-functions)
file(RENAME ${root}/doc/redlock/config.example.toml ${root}/doc/redlock/examples/config.toml)
file(REMOVE ${root}/doc/redlock/LICENSE)  # copyright has it
