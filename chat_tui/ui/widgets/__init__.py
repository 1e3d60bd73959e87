"""The panes of the chat screen, one file each. No pane knows another: they meet in the screen.

A pane posts messages upward and is told things by method calls. It gets values of the model, whose
text is safe for a terminal, and shows them as text, never as markup.
"""
