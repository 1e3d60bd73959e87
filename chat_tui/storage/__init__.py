"""What the client keeps on this machine, each in files of its own: for nobody else's eyes."""
