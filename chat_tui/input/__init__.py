"""Rules on typed text: parsing, command checks and redaction. Pure."""
