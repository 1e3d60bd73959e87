/* Set up each client: log in, join, subscribe. */
#ifndef LOGIN_H
#define LOGIN_H

#include "state.h"

void begin_login(void);

/* Opens connections up to the allowed concurrency. Returns true when all clients are ready. */
bool login_step(uint64_t now);

void on_connected(struct client *client);

/* Takes a line that arrived before the client was ready. An IRC server's PING may also arrive later. */
void on_login_line(struct client *client, const char *line, size_t length);

#endif
