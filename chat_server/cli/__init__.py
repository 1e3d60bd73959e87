"""The command line of the server: options, subcommands and signals."""
