"""The client without a screen, for screen readers, pipes and scripts: lines in, lines out."""
