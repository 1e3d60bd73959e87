"""The full-screen client at a terminal of its own, met as a person meets it: keys and rows."""
