/* Check that every line arrives whole, once and in its publisher's order.

   Every field of a message's text has a fixed position, so the check needs no search:

     =@=PPPP SSSSSSSS TTTTTTTTTTTTTTTT xxx...xxx$

   P is the number of the publisher. S is the sequence number; it has no gap between two runs. T is the
   intended time of sending: monotonic nanoseconds in hexadecimal. The server adds a prefix. The prefix has
   the same length on every line, because all user names have the same length. */
#define _GNU_SOURCE
#include "verify.h"

#include "login.h"
#include "runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_CAPACITY = 160, SEQUENCE = 8, TIME = 17, FILL = 33 }; /* offsets in the text */

static char (*heads)[HEAD_CAPACITY]; /* for each publisher: the server's prefix, and =@=PPPP */
static char tail[512];
static size_t prefix_length, line_length, tail_length, stamp_length;

void prepare_verification(void) {
    heads = calloc((size_t)settings.publishers + 1, sizeof *heads);
    memset(tail, 'x', sizeof tail);
    tail[0] = ' ';
    size_t end = (size_t)settings.size - FILL;
    strcpy(tail + end - 1, settings.protocol == IRC ? "$\r\n" : "$\n");
    tail_length = strlen(tail);
    if (settings.protocol == IRC) return; /* learn_prefix finds the prefix */
    stamp_length = 9;                     /* "[HH:MM:SS" is not compared */
    for (int i = 0; i < settings.publishers; i++)
        prefix_length = (size_t)snprintf(heads[i], HEAD_CAPACITY, "[HH:MM:SS] u%05d: =@=%04d ",
                                         settings.first + i, i) - SEQUENCE;
    line_length = prefix_length + FILL + tail_length;
}

static uint32_t digits4(const char *text) {
    return (uint32_t)((text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 + (text[3] - '0'));
}

static uint32_t digits8(const char *text) { return digits4(text) * 10000 + digits4(text + 4); }

static uint64_t hexadecimal16(const char *text) {
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) value = value << 4 | (uint64_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
    return value;
}

/* Returns the publisher of a whole message line, or -1 for any other line. */
static int publisher_of(const char *line) {
    const char *text = line + prefix_length;
    uint32_t publisher = digits4(text + 3);
    if (publisher >= (uint32_t)settings.publishers) return -1;
    const char *head = heads[publisher];
    if (memcmp(line + stamp_length, head + stamp_length, prefix_length + SEQUENCE - stamp_length)) return -1;
    if (memcmp(text + FILL, tail, tail_length)) return -1;
    if (stamp_length && (line[0] != '[' || line[3] != ':' || line[6] != ':')) return -1;
    return (int)publisher;
}

static void report_fault(const struct client *client, const char *what, const char *line, size_t length) {
    static int reported;
    if (reported++ >= 5) return;
    fprintf(stderr, "client %d: %s: %.*s\n", client->id, what, (int)(length < 200 ? length : 200), line);
}

static void count_malformed(const struct client *client, const char *line, size_t length) {
    tally.malformed++;
    report_fault(client, "malformed", line, length);
}

/* Learns what an IRC server puts in front of a publisher's text from that publisher's first line.
   Returns false if the line is not that publisher's first message. */
static bool learn_prefix(const char *line, size_t length) {
    char command[64], name[16];
    int n = snprintf(command, sizeof command, " PRIVMSG #%s :=@=", settings.room);
    const char *found = memmem(line, length, command, (size_t)n);
    if (!found) return false;
    size_t prefix = (size_t)(found - line) + (size_t)n - 3;
    if (length < prefix + SEQUENCE || prefix + SEQUENCE > HEAD_CAPACITY) return false;
    if (prefix_length && prefix_length != prefix) return false;
    uint32_t publisher = digits4(line + prefix + 3);
    if (publisher >= (uint32_t)settings.publishers || heads[publisher][0]) return false;
    user_name(&clients[publisher], name);
    if (line[0] != ':' || strncmp(line + 1, name, strlen(name)) || line[1 + strlen(name)] != '!') return false;
    memcpy(heads[publisher], line, prefix + SEQUENCE);
    prefix_length = prefix;
    line_length = prefix_length + FILL + tail_length;
    return true;
}

/* Takes consecutive messages of one publisher. Returns where they end. */
static char *take_messages(struct client *client, uint32_t publisher, char *line, const char *end, uint64_t now) {
    uint32_t expected = client->expected[publisher], before = expected, count = 0;
    do {
        const char *text = line + prefix_length;
        uint32_t sequence = digits8(text + SEQUENCE);
        if (sequence != expected) {
            report_fault(client, sequence < expected ? "duplicate" : "gap before", line, line_length);
            if (sequence < expected) tally.duplicates++;
            else tally.gaps += sequence - expected;
        }
        if (sequence >= expected) {
            expected = sequence + 1;
            count++;
            if (measures_latency) record_latency(publisher, sequence, now - hexadecimal16(text + TIME));
        }
        line += line_length;
    } while ((size_t)(end - line) >= line_length && publisher_of(line) == (int)publisher);
    tally.delivered += count;
    client->expected[publisher] = expected;
    struct publisher *state = &publishers[publisher];
    state->deliveries += count;
    state->expecting[before % RING]--;
    state->expecting[expected % RING]++;
    while (!state->expecting[state->received % RING] && state->received != state->sent) state->received++;
    return line;
}

/* Takes a line that is not a message, or is not recognised as one yet. */
static void take_other_line(struct client *client, char *line, size_t length, uint64_t now) {
    char *end = line + length + 1;
    if (client->stage != READY) {
        on_login_line(client, line, length);
    } else if (settings.protocol == RAW) {
        if (client->role & PUBLISHER) on_ceiling_line(line, length);
        else count_malformed(client, line, length);
    } else if (settings.protocol == CHAT) {
        if (length < 9 || memcmp(line, "[SERVER] ", 9)) count_malformed(client, line, length);
        else if (client->awaits_reply) record_reply(client, line, length, now);
        else tally.other++;
    } else if (learn_prefix(line, length) && length + 1 == line_length && client->expected &&
               publisher_of(line) >= 0) {
        take_messages(client, (uint32_t)publisher_of(line), line, end, now);
    } else if (length >= 4 && !memcmp(line, "PING", 4)) {
        on_login_line(client, line, length);
    } else if (line[0] != ':' || memmem(line, length, "=@=", 3) || memmem(line, length, "xxxx", 4)) {
        count_malformed(client, line, length);
    } else {
        tally.other++;
    }
}

char *take_lines(struct client *client, char *line, char *end, uint64_t now) {
    while (line < end && client->stage != CLOSED) {
        if (line_length && client->stage == READY && client->expected && (size_t)(end - line) >= line_length) {
            int publisher = publisher_of(line);
            if (publisher >= 0) {
                line = take_messages(client, (uint32_t)publisher, line, end, now);
                continue;
            }
        }
        char *line_feed = memchr(line, '\n', (size_t)(end - line));
        if (!line_feed) break;
        take_other_line(client, line, (size_t)(line_feed - line), now);
        line = line_feed + 1;
    }
    return line;
}
