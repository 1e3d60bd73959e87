"""The hub: sessions, rooms and subscriptions, and the messages that it routes."""
