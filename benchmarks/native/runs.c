/* What is measured: runs, paced runs, answers to everybody's command. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t SECOND = 1000000000u;
static const uint64_t LATE = 50000u; /* microseconds: what a person might notice */
static const uint64_t AFTER_CUT = 300000000u;

enum work { RUN, PACE, ASK };

bool measures_latency;

static enum work work;
static uint64_t began_at, stop_at, quiet, progress_at, interval, delivered_before, delivered_seen;
static uint64_t counted, counted_at; /* what had been delivered when the publishers stopped, and when */
static uint32_t window, paced, waiting_answers;
static bool until_cut, ceiling_done;
static char awaited[96];
static uint32_t *latencies, *worst_of; /* microseconds: of every delivery; of every message */
static size_t latency_count, latency_room, worst_room;

void note_latency(uint32_t publisher, uint32_t sequence, uint64_t nanoseconds) {
    if (latency_count == latency_room) {
        latency_room = latency_room ? latency_room * 2 : 1 << 16;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (!latencies) fatal("out of memory");
    }
    uint32_t microseconds = (uint32_t)(nanoseconds / 1000);
    latencies[latency_count++] = microseconds;
    size_t message = sequence - publishers[publisher].started;
    if (publisher == 0 && message < worst_room && microseconds > worst_of[message]) worst_of[message] = microseconds;
}

void note_answer(struct client *client, const char *line, size_t length, uint64_t now) {
    if (length != strlen(awaited) || memcmp(line, awaited, length)) return;
    client->awaits_answer = false;
    waiting_answers--;
    progress_at = now;
    note_latency((uint32_t)settings.publishers, 0, now - began_at);
}

/* The ceiling says how many messages it wrote to each receiver. */
void note_ceiling_line(const char *line, size_t length) {
    char text[64] = "";
    memcpy(text, line, length < sizeof text ? length : sizeof text - 1);
    unsigned sent;
    if (sscanf(text, "sent %u", &sent) != 1) fatal("the ceiling said: %s", text);
    publishers[0].sent = sent;
    struct publisher *publisher = &publishers[0];
    while (!publisher->at[publisher->received % RING] && publisher->received != sent) publisher->received++;
    ceiling_done = true;
}

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double quantile(double part) { return latency_count ? latencies[(size_t)((double)(latency_count - 1) * part)] / 1e3 : 0; }

static void print_latency(void) {
    size_t late = 0, episodes = 0;
    for (size_t i = 0; i < latency_count; i++) late += latencies[i] > LATE;
    for (size_t i = 0; i < worst_room; i++) episodes += worst_of[i] > LATE && (!i || worst_of[i - 1] <= LATE);
    qsort(latencies, latency_count, sizeof *latencies, compare);
    printf(", \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"late\": %zu, \"late_episodes\": %zu",
           quantile(0.5), quantile(0.99), quantile(1), late, episodes);
}

static uint64_t sent_total(void) {
    uint64_t total = 0;
    for (int i = 0; i < settings.publishers; i++) total += publishers[i].sent;
    return total;
}

static void print_checks(void) {
    uint64_t receivers = (uint64_t)(settings.mesh ? settings.publishers - 1 : settings.receivers);
    uint64_t due = sent_total() * receivers;
    printf("\"missing\": %lld, \"repeats\": %llu, \"gaps\": %llu, \"malformed\": %llu, \"closed\": %llu",
           (long long)(due - tally.delivered), (unsigned long long)tally.repeats, (unsigned long long)tally.gaps,
           (unsigned long long)tally.malformed, (unsigned long long)tally.closed);
}

void print_totals(void) {
    printf("{\"delivered\": %llu, ", (unsigned long long)tally.delivered);
    print_checks();
    printf("}\n");
    fflush(stdout);
}

static int cut_receivers(uint64_t *when) {
    int cut = 0;
    for (int i = 0; i < client_count; i++)
        if (clients[i].role & STALLS && clients[i].stage == CLOSED) {
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
    if (work != RUN) print_latency();
    if (settings.stalled) printf(", \"cut\": %d, \"cut_after\": %.3f", cut, cut ? (double)(cut_at - began_at) / 1e9 : 0);
    printf("}\n");
    fflush(stdout);
}

static void ask_everybody(const char *line) {
    for (int i = 0; i < client_count; i++) {
        if (clients[i].stage != READY) continue;
        clients[i].awaits_answer = true;
        waiting_answers++;
    }
    for (int i = 0; i < client_count; i++) say(&clients[i], line, strlen(line));
}

/* A run is what was delivered while publishers published. The rest still has to come, but in its own time. */
static void end_of_publishing(uint64_t now) {
    counted = tally.delivered - delivered_before;
    counted_at = now;
    for (int i = 0; i < settings.publishers; i++) {
        uint32_t received = publishers[i].received - publishers[i].started;
        if (received > publishers[i].best) publishers[i].best = received;
    }
}

static void begin_run(void) {
    if (settings.protocol != RAW) return;
    ceiling_done = false;
    char line[64];
    publishers[0].sent = UINT32_MAX; /* it says later how many it were */
    snprintf(line, sizeof line, "run %llu %u\n", (unsigned long long)(stop_at - began_at), window);
    say(&clients[0], line, strlen(line));
}

static void begin_paces(double seconds, double rate) {
    if (rate <= 0) fatal("pace needs a rate");
    interval = (uint64_t)(1e9 / rate);
    paced = 0;
    worst_room = (size_t)(seconds * rate) + 2;
    worst_of = realloc(worst_of, worst_room * sizeof *worst_of);
    memset(worst_of, 0, worst_room * sizeof *worst_of);
    measures_latency = true;
}

bool begin_command(const char *words) {
    char line[96], room[64];
    double seconds = number(words, "seconds", 1);
    began_at = progress_at = now_ns();
    stop_at = began_at + (uint64_t)(seconds * 1e9);
    quiet = (uint64_t)(number(words, "quiet", 10) * 1e9);
    window = (uint32_t)number(words, "window", 1);
    until_cut = number(words, "until_cut", 0) > 0;
    delivered_before = delivered_seen = tally.delivered;
    latency_count = worst_room = 0;
    measures_latency = false;
    ceiling_done = true;
    counted_at = 0;
    for (int i = 0; i < settings.publishers; i++) publishers[i].started = publishers[i].sent;
    if (!strncmp(words, "run ", 4)) {
        work = RUN;
        begin_run();
    } else if (!strncmp(words, "pace ", 5)) {
        work = PACE;
        begin_paces(seconds, number(words, "rate", 0));
    } else if (!strcmp(words, "presence")) {
        work = ASK;
        strcpy(awaited, "[SERVER] Presence on");
        ask_everybody("/presence on\n");
    } else if (!strncmp(words, "join ", 5) && option(words, "room", room, sizeof room)) {
        work = ASK;
        snprintf(awaited, sizeof awaited, "[SERVER] Joined room '%s'", room);
        snprintf(line, sizeof line, "/join %s\n", room);
        ask_everybody(line);
    } else {
        return false;
    }
    return true;
}

/* Writes what is due by now; returns when the next is. */
static uint64_t keep_pace(uint64_t now) {
    for (;;) {
        uint64_t due = began_at + (paced + 1) * interval;
        if (due > now || due >= stop_at) return due;
        for (int i = 0; i < settings.publishers; i++)
            if (clients[i].stage == READY) publish(&clients[i], 1, due);
        paced++;
    }
}

bool command_step(uint64_t now) {
    uint64_t wake = now + SECOND / 20;
    bool done = false;
    if (tally.delivered != delivered_seen) {
        delivered_seen = tally.delivered;
        progress_at = now;
    }
    if (work == ASK) done = !waiting_answers;
    else if (now >= stop_at) {
        if (!counted_at) end_of_publishing(now);
        done = ceiling_done && everything_received();
    } else if (work == PACE) {
        uint64_t next = keep_pace(now), cut_at = 0;
        if (next < wake) wake = next;
        if (until_cut && cut_receivers(&cut_at) == settings.stalled && now < stop_at && stop_at > cut_at + AFTER_CUT)
            stop_at = cut_at + AFTER_CUT;
    } else {
        if (settings.protocol != RAW) keep_window_filled(window, now);
        if (stop_at < wake) wake = stop_at;
    }
    if (!done && now > progress_at + quiet) done = true;
    if (!done) {
        wake_at(wake);
        return false;
    }
    waiting_answers = 0;
    measures_latency = false;
    print_result();
    return true;
}
