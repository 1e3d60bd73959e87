"""Delivery of bytes to clients: the queue, the drain lock and the outboxes."""
