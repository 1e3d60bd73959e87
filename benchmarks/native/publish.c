/* Messages: how they are written, and when a publisher may write the next.

   Window W: a publisher has at most W messages that not all of its receivers have got. Pipelined: it
   writes as fast as the socket takes it, with two bounds. It is never ahead of its slowest receiver by
   more than it brought to all of them in the best run so far, or in this one: so a slow server needs
   about as long to drain as a run is, and a fast one does not notice. And no receiver has more than
   900,000 bytes to come: a server may cut a reader for whom it would have to keep more, and these read
   only as fast as their one process gets to them. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <string.h>

enum { CHUNK = 64 * 1024, AT_FIRST = 50, MOST_BYTES_AHEAD = 900 * 1000, ADDED_BY_SERVER = 20 };

static char before[64], after[512];
static size_t before_length, after_length;
static uint32_t most_ahead;

void prepare_publishing(void) {
    if (settings.protocol == IRC) before_length = (size_t)snprintf(before, sizeof before, "PRIVMSG #%s :", settings.room);
    memset(after, 'x', sizeof after);
    after[0] = ' ';
    strcpy(after + settings.size - 34, settings.protocol == IRC ? "$\r\n" : "$\n");
    after_length = strlen(after);
    int heard = settings.publishers - (settings.mesh ? 1 : 0);
    most_ahead = (uint32_t)(MOST_BYTES_AHEAD / (settings.size + ADDED_BY_SERVER) / (heard > 0 ? heard : 1));
}

void publish(struct client *client, uint32_t count, uint64_t when) {
    size_t length = before_length + 33 + after_length;
    char *out = room_to_write(client, count * length + 1);
    for (uint32_t i = 0; i < count; i++, out += length) {
        memcpy(out, before, before_length);
        char *text = out + before_length;
        snprintf(text, 34, "=@=%04u %08u %016llx", (unsigned)client->id % 10000u,
                 (unsigned)publishers[client->id].sent++ % 100000000u, (unsigned long long)when);
        memcpy(text + 33, after, after_length);
    }
    wrote(client, count * length);
}

static uint32_t may_send(const struct publisher *publisher, uint32_t window) {
    uint32_t ahead = publisher->sent - publisher->received;
    uint32_t now = publisher->received - publisher->started;
    uint32_t most = window ? window : now > publisher->best ? now : publisher->best;
    if (!window && most < AT_FIRST) most = AT_FIRST;
    if (most > most_ahead) most = most_ahead;
    return ahead < most ? most - ahead : 0;
}

void keep_window_filled(uint32_t window, uint64_t now) {
    uint32_t chunk = (uint32_t)(CHUNK / (settings.size + 1));
    for (int i = 0; i < settings.publishers; i++) {
        struct client *client = &clients[i];
        for (int chunks = 0; chunks < 4 && client->stage == READY && !client->out_length; chunks++) {
            uint32_t count = may_send(&publishers[i], window);
            if (!count) break;
            publish(client, count < chunk ? count : chunk, now);
        }
    }
}

bool everything_received(void) {
    for (int i = 0; i < settings.publishers; i++)
        if (publishers[i].received != publishers[i].sent) return false;
    return true;
}
