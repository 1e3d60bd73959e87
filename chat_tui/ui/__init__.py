"""The Textual app, its screens, widgets and terminal support."""
