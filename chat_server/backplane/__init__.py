"""The log that several servers share, so that they are one chat. Without it nothing is loaded."""
