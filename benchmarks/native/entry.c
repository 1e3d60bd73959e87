/* From a connection to a member of the room: logging in, joining, subscribing. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <string.h>

/* 1,000 members who join an IRC channel tell each other half a million times: be patient, but only
   with a server that does something. */
static const uint64_t PATIENCE = 30ull * 1000000000u;
static const uint64_t SETTLING = 200ull * 1000000u; /* news of those who joined last */

static int opened, entered, ready;
static bool subscribing;
static uint64_t began_at, progress_at, settled_at;

void user_name(const struct client *client, char name[16]) {
    snprintf(name, 16, "u%05u", (unsigned)(settings.first + client->id) % 100000u);
}

static void say_text(struct client *client, const char *text) { say(client, text, strlen(text)); }

/* The room that a client joins; empty: none. An idle client's may hold its number: r%d. */
static void room_of(const struct client *client, char room[64]) {
    if (!(client->role & IDLES)) {
        snprintf(room, 64, "%s", settings.room);
        return;
    }
    const char *mark = strstr(settings.idle_room, "%d");
    if (!mark) snprintf(room, 64, "%s", settings.idle_room);
    else snprintf(room, 64, "%.*s%d", (int)(mark - settings.idle_room), settings.idle_room, settings.first + client->id);
}

static void is_ready(struct client *client) {
    client->stage = READY;
    ready++;
    if (client->role & STALLS) stop_reading(client);
}

static void has_entered(struct client *client) {
    client->stage = JOINED;
    entered++;
}

static void join_room(struct client *client) {
    char room[64], line[128];
    room_of(client, room);
    if (!*room) {
        has_entered(client);
        return;
    }
    client->stage = JOINING;
    snprintf(line, sizeof line, settings.protocol == IRC ? "JOIN #%s\r\n" : "/join %s\n", room);
    say_text(client, line);
}

static void subscribe(struct client *client) {
    bool hears = client->role & (RECEIVES | STALLS);
    if (settings.protocol != CHAT || !hears) {
        is_ready(client);
        return;
    }
    client->stage = SUBSCRIBING;
    for (int i = 0; i < settings.publishers; i++) {
        if (i == client->id) continue;
        char name[16], line[64];
        user_name(&clients[i], name);
        client->answers_due++;
        snprintf(line, sizeof line, "/subscribe %s\n", name);
        say_text(client, line);
    }
    if (!client->answers_due) is_ready(client);
}

void on_connected(struct client *client) {
    char name[16], line[128];
    progress_at = now_ns();
    user_name(client, name);
    if (settings.protocol == IRC) {
        client->stage = LOGGING_IN;
        snprintf(line, sizeof line, "NICK %s\r\nUSER %s 0 * :bench\r\n", name, name);
        say_text(client, line);
    } else if (settings.protocol == RAW) {
        has_entered(client);
        if (client->role & PUBLISHES) {
            snprintf(line, sizeof line, "receivers %d first %d size %d\n", settings.receivers, settings.first, settings.size);
            say_text(client, line);
        }
    }
}

static bool begins(const char *line, size_t length, const char *with) {
    size_t n = strlen(with);
    return length >= n && !memcmp(line, with, n);
}

static void on_chat_line(struct client *client, const char *line, size_t length) {
    char answer[128], name[16];
    if (begins(line, length, "[ERROR]")) fatal("client %d was told: %.*s", client->id, (int)length, line);
    if (client->stage == GREETING && begins(line, length, "[SERVER] Login using")) {
        user_name(client, name);
        snprintf(answer, sizeof answer, "LOGIN %s %s\n", name, settings.password);
        client->stage = LOGGING_IN;
        say_text(client, answer);
    } else if (client->stage == LOGGING_IN && begins(line, length, "[SERVER] Login successful")) {
        join_room(client);
    } else if (client->stage == JOINING && begins(line, length, "[SERVER] Joined room")) {
        has_entered(client);
    } else if (client->stage == SUBSCRIBING && begins(line, length, "[SERVER] Subscribed to")) {
        if (!--client->answers_due) is_ready(client);
    }
}

static void on_irc_line(struct client *client, const char *line, size_t length) {
    char answer[256];
    const char *space = memchr(line, ' ', length);
    size_t left = space ? length - (size_t)(space - line) : 0;
    if (begins(line, length, "PING")) {
        snprintf(answer, sizeof answer, "PONG%.*s\r\n", (int)(length - 4), line + 4);
        say_text(client, answer);
    } else if (begins(line, length, "ERROR")) {
        fatal("client %d was told: %.*s", client->id, (int)length, line);
    } else if (client->stage == LOGGING_IN && (begins(space, left, " 376 ") || begins(space, left, " 422 "))) {
        join_room(client);
    } else if (client->stage == JOINING && begins(space, left, " 366 ")) {
        has_entered(client);
    }
}

void on_entry_line(struct client *client, const char *line, size_t length) {
    progress_at = now_ns();
    if (settings.protocol == IRC) on_irc_line(client, line, length);
    else if (settings.protocol == CHAT) on_chat_line(client, line, length);
}

void begin_entry(void) { began_at = progress_at = now_ns(); }

bool entry_step(uint64_t now) {
    while (opened < client_count && opened - entered < settings.at_once) {
        progress_at = now;
        open_client(&clients[opened++]);
        if (settings.protocol == RAW && opened == 1) break; /* the ceiling's first client commands it */
    }
    if (entered == client_count && !subscribing) {
        subscribing = true;
        for (int i = 0; i < client_count; i++) subscribe(&clients[i]);
    }
    if (ready == client_count && !settled_at) settled_at = now + SETTLING;
    if (settled_at && now >= settled_at) {
        double seconds = (double)(settled_at - SETTLING - began_at) / 1e9;
        printf("{\"ready\": %d, \"seconds\": %.4f}\n", client_count, seconds);
        fflush(stdout);
        return true;
    }
    if (now > progress_at + PATIENCE)
        fatal("no progress for 30 s: %d opened, %d entered, %d ready of %d", opened, entered, ready, client_count);
    wake_at(settled_at ? settled_at : now + 100000000u);
    return false;
}
