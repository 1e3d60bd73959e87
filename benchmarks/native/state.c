/* The load generator's shared state, and the helpers that every other file uses. */
#define _GNU_SOURCE
#include "state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

struct settings settings = {.concurrency = 64, .size = 100, .rooms = 1};
struct client *clients;
int client_count, epoll, timer;
struct publisher *publishers;
struct tally tally;

uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void wake_at(uint64_t when) {
    struct itimerspec spec = {.it_value = {(time_t)(when / 1000000000u), (long)(when % 1000000000u)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

void fatal(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *c = text; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') *c = '\'';
    printf("{\"error\": \"%s\"}\n", text);
    fflush(stdout);
    exit(1);
}

bool text_option(const char *options, const char *name, char *value, size_t capacity) {
    size_t length = strlen(name);
    for (const char *option = options; option; option = strchr(option, ' ')) {
        option += *option == ' ';
        if (strncmp(option, name, length) || option[length] != '=') continue;
        size_t end = strcspn(option + length + 1, " ");
        if (end >= capacity) fatal("%s is too long", name);
        memcpy(value, option + length + 1, end);
        value[end] = 0;
        return true;
    }
    return false;
}

double number_option(const char *options, const char *name, double fallback) {
    char value[64];
    return text_option(options, name, value, sizeof value) ? strtod(value, NULL) : fallback;
}

bool hears(const struct client *client, int publisher) {
    if (!(client->role & (RECEIVER | STALLED)) || client->id == publisher) return false;
    return client->id % settings.rooms == publisher % settings.rooms;
}

void user_name(const struct client *client, char name[16]) {
    snprintf(name, 16, "u%05u", (unsigned)(settings.first + client->id) % 100000u);
}

/* Reads ports separated by commas. Without any, the other clients connect where the publishers do. */
static void read_receiver_ports(const char *options) {
    char text[128] = "";
    text_option(options, "receiver_ports", text, sizeof text);
    for (char *rest = text; *rest;) {
        if (settings.receiver_port_count == MAX_PORTS) fatal("receiver_ports must not be more than %d", MAX_PORTS);
        settings.receiver_ports[settings.receiver_port_count++] = (int)strtol(rest, &rest, 10);
        if (*rest && *rest++ != ',') fatal("receiver_ports must be numbers: %s", text);
    }
    if (!settings.receiver_port_count) settings.receiver_ports[settings.receiver_port_count++] = settings.port;
}

static void read_settings(const char *options) {
    char protocol[16] = "chat";
    text_option(options, "protocol", protocol, sizeof protocol);
    settings.protocol = !strcmp(protocol, "irc") ? IRC : !strcmp(protocol, "raw") ? RAW : CHAT;
    settings.port = (int)number_option(options, "port", 0);
    read_receiver_ports(options);
    settings.publishers = (int)number_option(options, "publishers", settings.publishers);
    settings.receivers = (int)number_option(options, "receivers", settings.receivers);
    settings.mesh = (int)number_option(options, "mesh", 0);
    settings.rooms = (int)number_option(options, "rooms", 1);
    settings.stalled = (int)number_option(options, "stalled", 0);
    settings.idle = (int)number_option(options, "idle", 0);
    settings.first = (int)number_option(options, "first", 0);
    settings.concurrency = (int)number_option(options, "concurrency", settings.concurrency);
    settings.size = (int)number_option(options, "size", settings.size);
    strcpy(settings.room, "bench");
    text_option(options, "room", settings.room, sizeof settings.room);
    text_option(options, "idle_room", settings.idle_room, sizeof settings.idle_room);
    strcpy(settings.password, "pw");
    text_option(options, "password", settings.password, sizeof settings.password);
    if (settings.mesh) settings.receivers = 0;
    if (settings.size < 40 || settings.size > 440) fatal("size must be between 40 and 440");
    if (settings.rooms < 1 || settings.rooms > 999) fatal("rooms must be between 1 and 999");
    if (settings.rooms > 1 && (!settings.mesh || settings.protocol != CHAT)) fatal("rooms need a mesh, and the protocol chat");
    if (settings.publishers > 9999) fatal("publishers must not be more than 9999");
}

static void make_clients(void) {
    client_count = settings.publishers + settings.receivers + settings.stalled + settings.idle;
    clients = calloc((size_t)client_count + 1, sizeof *clients);
    publishers = calloc((size_t)settings.publishers + 1, sizeof *publishers);
    int receivers_end = settings.publishers + settings.receivers;
    for (int i = 0; i < client_count; i++) {
        struct client *client = &clients[i];
        client->id = i;
        client->fd = -1;
        client->role = i < settings.publishers                ? PUBLISHER | (settings.mesh ? RECEIVER : 0)
                       : i < receivers_end                    ? RECEIVER
                       : i < receivers_end + settings.stalled ? STALLED
                                                              : IDLE;
        if (client->role & RECEIVER) client->expected = calloc((size_t)settings.publishers + 1, sizeof(uint32_t));
    }
    for (int i = 0; i < settings.publishers; i++) {
        publishers[i].expecting = calloc(RING, sizeof(uint16_t));
        for (int j = 0; j < client_count; j++)
            if (clients[j].role & RECEIVER && hears(&clients[j], i)) publishers[i].receivers++;
        publishers[i].expecting[0] = (uint16_t)publishers[i].receivers;
    }
}

void init_state(const char *options) {
    read_settings(options);
    make_clients();
}
