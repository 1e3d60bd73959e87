/* The load generator's shared state, and the helpers that every other file uses.

   The generator is one process with one thread and one epoll. Each file uses only the files above it:

     state.c     settings, clients, publishers, counts of faults; clock, timer, options, fatal errors
     sockets.c   connect, read and write; reports to `struct handlers`
     login.c     set up each client: log in, join, subscribe
     publish.c   format messages, and limit how far a publisher may run ahead
     runs.c      the commands that measure: run, pace, presence, join
     verify.c    check that every line arrives whole, once and in its publisher's order
     main.c      read the options and the commands, run the event loop

   ceiling.c is a program of its own. */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum protocol { CHAT, IRC, RAW };
enum role { PUBLISHER = 1, RECEIVER = 2, STALLED = 4, IDLE = 8 };
enum stage { UNOPENED, CONNECTING, GREETING, LOGGING_IN, JOINING, JOINED, SUBSCRIBING, READY, CLOSED };

enum { MAX_PORTS = 16 };
struct settings {
    enum protocol protocol;
    int port; /* of the publishers */
    int receiver_ports[MAX_PORTS], receiver_port_count; /* all other clients take these ports in turn */
    int publishers, receivers, mesh, stalled, idle;
    int rooms; /* of a mesh: the publishers take them in turn, and get the messages of their own room */
    int first;       /* number of the first user: u00000, u00001, ... */
    int concurrency; /* clients that are connecting or logging in at the same time, at most */
    int size;        /* bytes of a message's text */
    char room[32], idle_room[32], password[80];
};

struct client {
    int id, fd, role, replies_due;
    enum stage stage;
    bool wants_write, awaits_reply;
    char *partial; /* the beginning of a line whose end has not arrived */
    size_t partial_length;
    char *out; /* output that the socket has not accepted yet */
    size_t out_length, out_taken, out_capacity;
    uint32_t *expected; /* receivers only: the next sequence number of each publisher */
    uint64_t closed_at;
};

/* A publisher and the progress of its receivers. `expecting` is a ring: expecting[s % RING] receivers
   expect the sequence number s next. */
enum { RING = 1 << 17 };
struct publisher {
    uint32_t sent;       /* sequence number of the next message */
    uint32_t received;   /* every receiver has got all messages below this number */
    uint32_t started;    /* `sent` when the run began */
    uint32_t best_count; /* the most messages of one run that all receivers got before it ended */
    uint32_t receivers;  /* how many get its messages */
    uint64_t deliveries; /* copies of its messages that arrived at its receivers */
    uint16_t *expecting;
};

struct tally {
    uint64_t delivered, duplicates, gaps, malformed, closed, other;
};

extern struct settings settings;
extern struct client *clients;
extern int client_count;
extern struct publisher *publishers;
extern struct tally tally;
extern int epoll;
extern int timer; /* a timerfd that `epoll` watches */

/* Reads the settings from name=value options, and allocates the clients and the publishers. */
void init_state(const char *options);

/* Returns the monotonic time in nanoseconds. */
uint64_t now_ns(void);

/* Ends epoll_wait at this time at the latest. */
void wake_at(uint64_t when);

/* Prints one line of JSON with the error, and exits with status 1. */
void fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Finds name=value among options separated by spaces. Returns false if the name is not there. */
bool text_option(const char *options, const char *name, char *value, size_t capacity);
double number_option(const char *options, const char *name, double fallback);

/* Returns whether a client gets the messages of a publisher. */
bool hears(const struct client *client, int publisher);

/* Writes the user name of a client. All names have the same length. */
void user_name(const struct client *client, char name[16]);

#endif
