"""What is true for the eye: rooms, people, messages; text made safe. No screen, no wire.

Nothing in here is shared between threads: the screen's thread alone reads and changes it.
"""
