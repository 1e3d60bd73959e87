/* Format messages, and limit how far a publisher may run ahead of its receivers.

   With a window of W, at most W messages of a publisher are in flight: sent, but not yet received by
   all of its receivers. With a mean window, at most W copies of them for each of its receivers, so some
   receivers may be further behind. A pipelined publisher writes as fast as its socket accepts data, with two limits:

   - It is never ahead of its slowest receiver by more messages than all receivers got in the best run
     so far, or in this run. So a slow server drains in about the duration of a run, and a fast
     server is not slowed down.
   - At most 900,000 bytes are in flight to one receiver. A server may cut a slow reader that needs a
     larger outbox, and all these receivers share one process, so each reads only when its turn comes. */
#define _GNU_SOURCE
#include "publish.h"

#include "sockets.h"

#include <stdio.h>
#include <string.h>

enum {
    CHUNK = 64 * 1024, /* bytes in one write */
    INITIAL_WINDOW = 50,
    MAX_BYTES_AHEAD = 900 * 1000,
    SERVER_OVERHEAD = 20, /* bytes that the server adds to a message */
};

static char prefix[64], suffix[512];
static size_t prefix_length, suffix_length;
static uint32_t max_ahead;

void prepare_publishing(void) {
    if (settings.protocol == IRC) prefix_length = (size_t)snprintf(prefix, sizeof prefix, "PRIVMSG #%s :", settings.room);
    memset(suffix, 'x', sizeof suffix);
    suffix[0] = ' ';
    strcpy(suffix + settings.size - 34, settings.protocol == IRC ? "$\r\n" : "$\n");
    suffix_length = strlen(suffix);
    int streams = settings.mesh ? (int)publishers[0].receivers : settings.publishers;
    max_ahead = (uint32_t)(MAX_BYTES_AHEAD / (settings.size + SERVER_OVERHEAD) / (streams > 0 ? streams : 1));
}

void publish(struct client *client, uint32_t count, uint64_t when) {
    size_t length = prefix_length + 33 + suffix_length;
    char *out = reserve_output(client, count * length + 1);
    for (uint32_t i = 0; i < count; i++, out += length) {
        memcpy(out, prefix, prefix_length);
        char *text = out + prefix_length;
        snprintf(text, 34, "=@=%04u %08u %016llx", (unsigned)client->id % 10000u,
                 (unsigned)publishers[client->id].sent++ % 100000000u, (unsigned long long)when);
        memcpy(text + 33, suffix, suffix_length);
    }
    commit_output(client, count * length);
}

/* Returns how many messages a publisher may send now. */
static uint32_t allowance(const struct publisher *publisher, uint32_t window, bool is_mean) {
    uint32_t received = publisher->received;
    if (is_mean && publisher->receivers) received = (uint32_t)(publisher->deliveries / publisher->receivers);
    uint32_t ahead = publisher->sent - received;
    uint32_t in_this_run = publisher->received - publisher->started;
    uint32_t limit = window ? window : in_this_run > publisher->best_count ? in_this_run : publisher->best_count;
    if (!window && limit < INITIAL_WINDOW) limit = INITIAL_WINDOW;
    if (limit > max_ahead) limit = max_ahead;
    return ahead < limit ? limit - ahead : 0;
}

void fill_windows(uint32_t window, bool is_mean, uint64_t now) {
    uint32_t chunk = (uint32_t)(CHUNK / (settings.size + 1));
    for (int i = 0; i < settings.publishers; i++) {
        struct client *client = &clients[i];
        for (int chunks = 0; chunks < 4 && client->stage == READY && !client->out_length; chunks++) {
            uint32_t count = allowance(&publishers[i], window, is_mean);
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
