"""One user's connection over time: connect, sign in, reconnect, feed the model."""
