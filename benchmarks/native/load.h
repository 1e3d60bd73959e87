/* The load generator: what its files share. One process, one thread, one epoll.

   main.c      options, commands, the event loop
   sockets.c   connecting, reading, writing
   entry.c     from a connection to a member of the room: logging in, joining, subscribing
   verify.c    whether every line came whole, once and in its publisher's order
   publish.c   messages: how they are written, and when a publisher may write the next
   runs.c      what is measured: runs, paced runs, answers to everybody's command */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum protocol { CHAT, IRC, RAW };
enum role { PUBLISHES = 1, RECEIVES = 2, STALLS = 4, IDLES = 8 };
enum stage { UNOPENED, CONNECTING, GREETING, LOGGING_IN, JOINING, JOINED, SUBSCRIBING, READY, CLOSED };

struct settings {
    enum protocol protocol;
    int port, publishers, receivers, mesh, stalled, idle;
    int first;   /* number of the first user: u00000, u00001, ... */
    int at_once; /* connections that are being set up at a time */
    int size;    /* bytes of a message's text */
    char room[32], idle_room[32], password[80];
};

struct client {
    int id, fd, role, answers_due;
    enum stage stage;
    bool wants_write, awaits_answer;
    char *partial; /* the beginning of a line whose end has not come */
    size_t partial_length;
    char *out; /* what the socket has not taken yet */
    size_t out_length, out_taken, out_room;
    uint32_t *expected; /* receivers: the next sequence number of each publisher */
    uint64_t closed_at;
};

/* A publisher, and how far its receivers are. `at` is a ring: at[s % RING] receivers expect s next. */
enum { RING = 1 << 17 };
struct publisher {
    uint32_t sent;     /* sequence number of the next message */
    uint32_t received; /* every receiver has got the messages below this one */
    uint32_t started;  /* `sent` when the run began */
    uint32_t best;     /* so many were received by all, of those sent in one run, before it ended */
    uint16_t *at;
};

struct tally {
    uint64_t delivered, repeats, gaps, malformed, closed, other;
};

extern struct settings settings;
extern struct client *clients;
extern int client_count;
extern struct publisher *publishers;
extern struct tally tally;

/* main.c */
uint64_t now_ns(void);
void wake_at(uint64_t when);
void fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
bool option(const char *words, const char *name, char *value, size_t room);
double number(const char *words, const char *name, double otherwise);
extern int epoll;

/* sockets.c */
void open_client(struct client *client);
void on_event(struct client *client, uint32_t events);
void say(struct client *client, const char *data, size_t length);
char *room_to_write(struct client *client, size_t length);
void wrote(struct client *client, size_t length);
void stop_reading(struct client *client);

/* entry.c */
void begin_entry(void);
bool entry_step(uint64_t now); /* whether everybody is ready */
void on_connected(struct client *client);
void on_entry_line(struct client *client, const char *line, size_t length);
void user_name(const struct client *client, char name[16]);

/* verify.c */
void prepare_verification(void);
/* Takes the whole lines; returns where the rest begins. */
char *take_lines(struct client *client, char *start, char *end, uint64_t now);

/* publish.c */
void prepare_publishing(void);
/* Writes up to `count` messages with the given intended time. */
void publish(struct client *client, uint32_t count, uint64_t when);
void keep_window_filled(uint32_t window, uint64_t now);
bool everything_received(void);

/* runs.c */
extern bool measures_latency;
void note_latency(uint32_t publisher, uint32_t sequence, uint64_t nanoseconds);
void note_answer(struct client *client, const char *line, size_t length, uint64_t now);
void note_ceiling_line(const char *line, size_t length);
bool begin_command(const char *words); /* false: there is no such command */
bool command_step(uint64_t now);       /* whether the command is done, and its result printed */
void print_totals(void);

#endif
