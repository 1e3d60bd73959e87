"""The full-screen client on a pseudo-terminal: keys go in, drawn text comes out."""
