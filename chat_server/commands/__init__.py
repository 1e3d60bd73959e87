"""The commands of the protocol: their table, their context and their handlers."""
