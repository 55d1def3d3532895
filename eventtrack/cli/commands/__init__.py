"""One module per command or group; `application.COMMANDS` says which module holds which."""
