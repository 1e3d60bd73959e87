/* The commands that measure: run, pace, presence, join. */
#define _GNU_SOURCE
#include "runs.h"

#include "publish.h"
#include "sockets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t SECOND = 1000000000u;
static const uint64_t LATE_US = 50000u;       /* a delay that a user might notice */
static const uint64_t AFTER_CUT = 300000000u; /* a run that ends at the cut ends this much later */

enum command { RUN, PACE, COMMAND_TO_ALL };

bool measures_latency;

static enum command command;
static uint64_t began_at, stop_at, timeout, progress_at, interval, delivered_before, delivered_seen;
static uint64_t counted, counted_at; /* deliveries when the publishers stopped, and the time of that */
static uint32_t window, paced_count, replies_due;
static bool until_cut, is_mean, ceiling_done;
static char expected_reply[96];
static uint32_t *latencies;     /* of every delivery, in microseconds */
static uint32_t *worst_latency; /* of every message of the first publisher, in microseconds */
static size_t latency_count, latency_capacity, worst_capacity;

void record_latency(uint32_t publisher, uint32_t sequence, uint64_t nanoseconds) {
    if (latency_count == latency_capacity) {
        latency_capacity = latency_capacity ? latency_capacity * 2 : 1 << 16;
        latencies = realloc(latencies, latency_capacity * sizeof *latencies);
        if (!latencies) fatal("out of memory");
    }
    uint32_t microseconds = (uint32_t)(nanoseconds / 1000);
    latencies[latency_count++] = microseconds;
    size_t message = sequence - publishers[publisher].started;
    if (publisher == 0 && message < worst_capacity && microseconds > worst_latency[message])
        worst_latency[message] = microseconds;
}

void record_reply(struct client *client, const char *line, size_t length, uint64_t now) {
    if (length != strlen(expected_reply) || memcmp(line, expected_reply, length)) return;
    client->awaits_reply = false;
    replies_due--;
    progress_at = now;
    record_latency((uint32_t)settings.publishers, 0, now - began_at);
}

void on_ceiling_line(const char *line, size_t length) {
    char text[64] = "";
    memcpy(text, line, length < sizeof text ? length : sizeof text - 1);
    unsigned sent;
    if (sscanf(text, "sent %u", &sent) != 1) fatal("the ceiling sent an unknown line: %s", text);
    publishers[0].sent = sent;
    struct publisher *publisher = &publishers[0];
    while (!publisher->expecting[publisher->received % RING] && publisher->received != sent) publisher->received++;
    ceiling_done = true;
}

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double quantile(double fraction) {
    return latency_count ? latencies[(size_t)((double)(latency_count - 1) * fraction)] / 1e3 : 0;
}

static void print_latency(void) {
    size_t late = 0, episodes = 0;
    for (size_t i = 0; i < latency_count; i++) late += latencies[i] > LATE_US;
    for (size_t i = 0; i < worst_capacity; i++)
        episodes += worst_latency[i] > LATE_US && (!i || worst_latency[i - 1] <= LATE_US);
    qsort(latencies, latency_count, sizeof *latencies, compare);
    printf(", \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"late\": %zu, \"late_episodes\": %zu",
           quantile(0.5), quantile(0.99), quantile(1), late, episodes);
}

static uint64_t deliveries_due(void) {
    uint64_t total = 0;
    for (int i = 0; i < settings.publishers; i++) total += (uint64_t)publishers[i].sent * publishers[i].receivers;
    return total;
}

static void print_checks(void) {
    uint64_t due = deliveries_due();
    printf("\"missing\": %lld, \"duplicates\": %llu, \"gaps\": %llu, \"malformed\": %llu, \"closed\": %llu",
           (long long)(due - tally.delivered), (unsigned long long)tally.duplicates, (unsigned long long)tally.gaps,
           (unsigned long long)tally.malformed, (unsigned long long)tally.closed);
}

void print_totals(void) {
    printf("{\"delivered\": %llu, ", (unsigned long long)tally.delivered);
    print_checks();
    printf("}\n");
    fflush(stdout);
}

/* Returns how many stalled receivers the server has cut, and sets `when` to the time of the last. */
static int cut_receivers(uint64_t *when) {
    int cut = 0;
    for (int i = 0; i < client_count; i++)
        if (clients[i].role & STALLED && clients[i].stage == CLOSED) {
            cut++;
            if (clients[i].closed_at > *when) *when = clients[i].closed_at;
        }
    return cut;
}

static void print_result(void) {
    uint64_t delivered = tally.delivered - delivered_before, cut_at = 0;
    double seconds = counted_at ? (double)(counted_at - began_at) / 1e9 : 0;
    int cut = cut_receivers(&cut_at);
    printf("{\"delivered\": %llu, \"seconds\": %.6f, \"per_second\": %.1f, ", (unsigned long long)delivered, seconds,
           counted_at ? (double)counted / seconds : 0);
    print_checks();
    if (command != RUN) print_latency();
    if (settings.stalled) printf(", \"cut\": %d, \"cut_after\": %.3f", cut, cut ? (double)(cut_at - began_at) / 1e9 : 0);
    printf("}\n");
    fflush(stdout);
}

/* Sends a command from every client. The command is done when all have got `expected_reply`. */
static void send_to_all(const char *line) {
    for (int i = 0; i < client_count; i++) {
        if (clients[i].stage != READY) continue;
        clients[i].awaits_reply = true;
        replies_due++;
    }
    for (int i = 0; i < client_count; i++) send_text(&clients[i], line);
}

/* A run counts what was delivered while the publishers published. The rest must still arrive, but is not
   timed. */
static void end_of_publishing(uint64_t now) {
    counted = tally.delivered - delivered_before;
    counted_at = now;
    for (int i = 0; i < settings.publishers; i++) {
        uint32_t received = publishers[i].received - publishers[i].started;
        if (received > publishers[i].best_count) publishers[i].best_count = received;
    }
}

static void begin_run(void) {
    if (settings.protocol != RAW) return;
    ceiling_done = false;
    char line[64];
    publishers[0].sent = UINT32_MAX; /* unknown until the ceiling reports it */
    snprintf(line, sizeof line, "run %llu %u\n", (unsigned long long)(stop_at - began_at), window);
    send_text(&clients[0], line);
}

static void begin_pace(double seconds, double rate) {
    if (rate <= 0) fatal("pace needs a rate above 0: rate=100");
    interval = (uint64_t)(1e9 / rate);
    paced_count = 0;
    worst_capacity = (size_t)(seconds * rate) + 2;
    worst_latency = realloc(worst_latency, worst_capacity * sizeof *worst_latency);
    memset(worst_latency, 0, worst_capacity * sizeof *worst_latency);
    measures_latency = true;
}

bool begin_command(const char *text) {
    char line[96], room[64];
    double seconds = number_option(text, "seconds", 1);
    began_at = progress_at = now_ns();
    stop_at = began_at + (uint64_t)(seconds * 1e9);
    timeout = (uint64_t)(number_option(text, "timeout", 10) * 1e9);
    window = (uint32_t)number_option(text, "window", 1);
    is_mean = number_option(text, "mean", 0) > 0;
    until_cut = number_option(text, "until_cut", 0) > 0;
    delivered_before = delivered_seen = tally.delivered;
    latency_count = worst_capacity = 0;
    measures_latency = false;
    ceiling_done = true;
    counted_at = 0;
    for (int i = 0; i < settings.publishers; i++) publishers[i].started = publishers[i].sent;
    if (!strncmp(text, "run ", 4)) {
        command = RUN;
        begin_run();
    } else if (!strncmp(text, "pace ", 5)) {
        command = PACE;
        begin_pace(seconds, number_option(text, "rate", 0));
    } else if (!strcmp(text, "presence")) {
        command = COMMAND_TO_ALL;
        strcpy(expected_reply, "[SERVER] Presence on");
        send_to_all("/presence on\n");
    } else if (!strncmp(text, "join ", 5) && text_option(text, "room", room, sizeof room)) {
        command = COMMAND_TO_ALL;
        snprintf(expected_reply, sizeof expected_reply, "[SERVER] Joined room '%s'", room);
        snprintf(line, sizeof line, "/join %s\n", room);
        send_to_all(line);
    } else {
        return false;
    }
    return true;
}

/* Publishes every message that is due. Returns when the next is due. */
static uint64_t publish_due(uint64_t now) {
    for (;;) {
        uint64_t due = began_at + (paced_count + 1) * interval;
        if (due > now || due >= stop_at) return due;
        for (int i = 0; i < settings.publishers; i++)
            if (clients[i].stage == READY) publish(&clients[i], 1, due);
        paced_count++;
    }
}

bool command_step(uint64_t now) {
    uint64_t wake = now + SECOND / 20;
    bool done = false;
    if (tally.delivered != delivered_seen) {
        delivered_seen = tally.delivered;
        progress_at = now;
    }
    if (command == COMMAND_TO_ALL) done = !replies_due;
    else if (now >= stop_at) {
        if (!counted_at) end_of_publishing(now);
        done = ceiling_done && everything_received();
    } else if (command == PACE) {
        uint64_t next = publish_due(now), cut_at = 0;
        if (next < wake) wake = next;
        if (until_cut && cut_receivers(&cut_at) == settings.stalled && now < stop_at && stop_at > cut_at + AFTER_CUT)
            stop_at = cut_at + AFTER_CUT;
    } else {
        if (settings.protocol != RAW) fill_windows(window, is_mean, now);
        if (stop_at < wake) wake = stop_at;
    }
    if (!done && now > progress_at + timeout) done = true;
    if (!done) {
        wake_at(wake);
        return false;
    }
    replies_due = 0;
    measures_latency = false;
    print_result();
    return true;
}
