/* Set up each client: log in, join, subscribe. */
#define _GNU_SOURCE
#include "login.h"

#include "sockets.h"

#include <stdio.h>
#include <string.h>

/* Set-up times out only if there is no progress for this long: when 1,000 members join an IRC channel,
   the server sends half a million notices of it. */
static const uint64_t PROGRESS_TIMEOUT = 30ull * 1000000000u;
static const uint64_t SETTLE_TIME = 200ull * 1000000u; /* until the notices of the last joins have arrived */

static int opened, joined, ready;
static bool subscribing;
static uint64_t began_at, progress_at, settled_at;

/* Writes the room that a client joins; empty if it joins none. In the name of an idle client's room,
   %d is replaced by the client's number. Several rooms of a mesh are numbered. */
static void room_of(const struct client *client, char room[64]) {
    if (!(client->role & IDLE)) {
        if (settings.rooms > 1) snprintf(room, 64, "%s%d", settings.room, client->id % settings.rooms);
        else snprintf(room, 64, "%s", settings.room);
        return;
    }
    const char *mark = strstr(settings.idle_room, "%d");
    if (!mark) snprintf(room, 64, "%s", settings.idle_room);
    else snprintf(room, 64, "%.*s%d", (int)(mark - settings.idle_room), settings.idle_room, settings.first + client->id);
}

static void mark_ready(struct client *client) {
    client->stage = READY;
    ready++;
    if (client->role & STALLED) stop_reading(client);
}

static void mark_joined(struct client *client) {
    client->stage = JOINED;
    joined++;
}

static void join_room(struct client *client) {
    char room[64], line[128];
    room_of(client, room);
    if (!*room) {
        mark_joined(client);
        return;
    }
    client->stage = JOINING;
    snprintf(line, sizeof line, settings.protocol == IRC ? "JOIN #%s\r\n" : "/join %s\n", room);
    send_text(client, line);
}

static void subscribe(struct client *client) {
    bool subscribes = client->role & (RECEIVER | STALLED);
    if (settings.protocol != CHAT || !subscribes) {
        mark_ready(client);
        return;
    }
    client->stage = SUBSCRIBING;
    for (int i = 0; i < settings.publishers; i++) {
        if (!hears(client, i)) continue;
        char name[16], line[64];
        user_name(&clients[i], name);
        client->replies_due++;
        snprintf(line, sizeof line, "/subscribe %s\n", name);
        send_text(client, line);
    }
    if (!client->replies_due) mark_ready(client);
}

void on_connected(struct client *client) {
    char name[16], line[128];
    progress_at = now_ns();
    user_name(client, name);
    if (settings.protocol == IRC) {
        client->stage = LOGGING_IN;
        snprintf(line, sizeof line, "NICK %s\r\nUSER %s 0 * :bench\r\n", name, name);
        send_text(client, line);
    } else if (settings.protocol == RAW) {
        mark_joined(client);
        if (client->role & PUBLISHER) {
            snprintf(line, sizeof line, "receivers %d first %d size %d\n", settings.receivers, settings.first,
                     settings.size);
            send_text(client, line);
        }
    }
}

static bool starts_with(const char *line, size_t length, const char *prefix) {
    size_t n = strlen(prefix);
    return length >= n && !memcmp(line, prefix, n);
}

static void on_chat_line(struct client *client, const char *line, size_t length) {
    char reply[128], name[16];
    if (starts_with(line, length, "[ERROR]")) {
        fatal("the server sent an error to client %d: %.*s", client->id, (int)length, line);
    } else if (client->stage == GREETING && starts_with(line, length, "[SERVER] Login using")) {
        user_name(client, name);
        snprintf(reply, sizeof reply, "LOGIN %s %s\n", name, settings.password);
        client->stage = LOGGING_IN;
        send_text(client, reply);
    } else if (client->stage == LOGGING_IN && starts_with(line, length, "[SERVER] Login successful")) {
        join_room(client);
    } else if (client->stage == JOINING && starts_with(line, length, "[SERVER] Joined room")) {
        mark_joined(client);
    } else if (client->stage == SUBSCRIBING && starts_with(line, length, "[SERVER] Subscribed to")) {
        if (!--client->replies_due) mark_ready(client);
    }
}

static void on_irc_line(struct client *client, const char *line, size_t length) {
    char reply[256];
    const char *space = memchr(line, ' ', length);
    size_t left = space ? length - (size_t)(space - line) : 0;
    if (starts_with(line, length, "PING")) {
        snprintf(reply, sizeof reply, "PONG%.*s\r\n", (int)(length - 4), line + 4);
        send_text(client, reply);
    } else if (starts_with(line, length, "ERROR")) {
        fatal("the server sent an error to client %d: %.*s", client->id, (int)length, line);
    } else if (client->stage == LOGGING_IN && (starts_with(space, left, " 376 ") || starts_with(space, left, " 422 "))) {
        join_room(client);
    } else if (client->stage == JOINING && starts_with(space, left, " 366 ")) {
        mark_joined(client);
    }
}

void on_login_line(struct client *client, const char *line, size_t length) {
    progress_at = now_ns();
    if (settings.protocol == IRC) on_irc_line(client, line, length);
    else if (settings.protocol == CHAT) on_chat_line(client, line, length);
}

void begin_login(void) { began_at = progress_at = now_ns(); }

bool login_step(uint64_t now) {
    while (opened < client_count && opened - joined < settings.concurrency) {
        progress_at = now;
        open_client(&clients[opened++]);
        if (settings.protocol == RAW && opened == 1) break; /* the ceiling takes its commands from its first client */
    }
    if (joined == client_count && !subscribing) {
        subscribing = true;
        for (int i = 0; i < client_count; i++) subscribe(&clients[i]);
    }
    if (ready == client_count && !settled_at) settled_at = now + SETTLE_TIME;
    if (settled_at && now >= settled_at) {
        double seconds = (double)(settled_at - SETTLE_TIME - began_at) / 1e9;
        printf("{\"ready\": %d, \"seconds\": %.4f}\n", client_count, seconds);
        fflush(stdout);
        return true;
    }
    if (now > progress_at + PROGRESS_TIMEOUT)
        fatal("set-up made no progress for 30 s: %d opened, %d joined, %d ready of %d", opened, joined, ready,
              client_count);
    wake_at(settled_at ? settled_at : now + 100000000u);
    return false;
}
