/* Connect, read and write. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "state.h"

/* What the sockets call. So this file does not depend on the files that use it. */
struct handlers {
    void (*on_connected)(struct client *client);
    /* Takes the whole lines of [start, end). Returns the beginning of the rest. */
    char *(*take_lines)(struct client *client, char *start, char *end, uint64_t now);
};

/* Call it before anything else here. The handlers must outlive the sockets. */
void init_sockets(const struct handlers *handlers);

void open_client(struct client *client);
void on_event(struct client *client, uint32_t events);

/* Does nothing if the client is closed. */
void send_bytes(struct client *client, const char *data, size_t length);
void send_text(struct client *client, const char *text);

/* Returns a place for the next `length` bytes of output; `commit_output` sends them. */
char *reserve_output(struct client *client, size_t length);
void commit_output(struct client *client, size_t length);

/* A stalled client that is ready stops reading. The end of its connection is still reported. */
void stop_reading(struct client *client);

#endif
