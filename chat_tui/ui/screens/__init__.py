"""What fills the terminal: the form to sign in, the chat, help, a question. One file each."""
