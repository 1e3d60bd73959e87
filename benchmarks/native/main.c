/* Load generator for chat servers. Started with name=value words, it connects everybody and sets
   them up once, prints one line of JSON, and then takes commands from standard input and prints one
   line of JSON for each:

     run seconds=0.4 window=50      publish without a pause; window=0: pipelined
     pace seconds=2 rate=100        publish at a rate, and measure latency from the intended time
     presence                       everybody asks for presence
     join room=storm                everybody asks to join a room
     quit                           the totals

   The end of standard input ends it. Whatever a receiver gets is checked at all times. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct settings settings = {.at_once = 64, .size = 100};
struct client *clients;
int client_count, epoll;
struct publisher *publishers;
struct tally tally;

static int timer;
static char input[4096];
static size_t input_length;

uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void wake_at(uint64_t when) {
    struct itimerspec spec = {.it_value = {(time_t)(when / 1000000000u), (long)(when % 1000000000u)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* Ends the program with one line of JSON. */
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

/* Finds name=value among words separated by spaces. */
bool option(const char *words, const char *name, char *value, size_t room) {
    size_t length = strlen(name);
    for (const char *word = words; word; word = strchr(word, ' ')) {
        word += *word == ' ';
        if (strncmp(word, name, length) || word[length] != '=') continue;
        size_t end = strcspn(word + length + 1, " ");
        if (end >= room) fatal("%s is too long", name);
        memcpy(value, word + length + 1, end);
        value[end] = 0;
        return true;
    }
    return false;
}

double number(const char *words, const char *name, double otherwise) {
    char value[64];
    return option(words, name, value, sizeof value) ? strtod(value, NULL) : otherwise;
}

static void read_settings(const char *words) {
    char protocol[16] = "chat";
    option(words, "protocol", protocol, sizeof protocol);
    settings.protocol = !strcmp(protocol, "irc") ? IRC : !strcmp(protocol, "raw") ? RAW : CHAT;
    settings.port = (int)number(words, "port", 0);
    settings.publishers = (int)number(words, "publishers", settings.publishers);
    settings.receivers = (int)number(words, "receivers", settings.receivers);
    settings.mesh = (int)number(words, "mesh", 0);
    settings.stalled = (int)number(words, "stalled", 0);
    settings.idle = (int)number(words, "idle", 0);
    settings.first = (int)number(words, "first", 0);
    settings.at_once = (int)number(words, "at_once", settings.at_once);
    settings.size = (int)number(words, "size", settings.size);
    strcpy(settings.room, "bench");
    option(words, "room", settings.room, sizeof settings.room);
    option(words, "idle_room", settings.idle_room, sizeof settings.idle_room);
    strcpy(settings.password, "pw");
    option(words, "password", settings.password, sizeof settings.password);
    if (settings.mesh) settings.receivers = 0;
    if (settings.size < 40 || settings.size > 440) fatal("size is 40 to 440");
    if (settings.publishers > 9999) fatal("publishers are 9999 at most");
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
        client->role = i < settings.publishers               ? PUBLISHES | (settings.mesh ? RECEIVES : 0)
                       : i < receivers_end                   ? RECEIVES
                       : i < receivers_end + settings.stalled ? STALLS
                                                             : IDLES;
        if (client->role & RECEIVES) client->expected = calloc((size_t)settings.publishers + 1, sizeof(uint32_t));
    }
    for (int i = 0; i < settings.publishers; i++) {
        publishers[i].at = calloc(RING, sizeof(uint16_t));
        publishers[i].at[0] = (uint16_t)(settings.mesh ? settings.publishers - 1 : settings.receivers);
    }
}

/* The next whole line of standard input, or NULL. */
static const char *next_command(void) {
    static char command[4096];
    char *end = memchr(input, '\n', input_length);
    if (!end) return NULL;
    size_t length = (size_t)(end - input);
    memcpy(command, input, length);
    command[length] = 0;
    input_length -= length + 1;
    memmove(input, end + 1, input_length);
    return command;
}

static void read_input(void) {
    ssize_t got = read(STDIN_FILENO, input + input_length, sizeof input - input_length);
    if (got <= 0) exit(0);
    input_length += (size_t)got;
}

int main(int count, char **arguments) {
    char words[2048] = "";
    for (int i = 1; i < count; i++) {
        if (strlen(words) + strlen(arguments[i]) + 2 > sizeof words) fatal("too many words");
        strcat(strcat(words, i > 1 ? " " : ""), arguments[i]);
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_TIMERSLACK, 1);
    read_settings(words);
    make_clients();
    prepare_verification();
    prepare_publishing();

    epoll = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event of_timer = {.events = EPOLLIN, .data.ptr = &timer};
    struct epoll_event of_input = {.events = EPOLLIN, .data.ptr = input};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &of_timer);
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &of_input);

    enum { ENTERING, RESTING, WORKING } doing = ENTERING;
    begin_entry();
    for (;;) {
        uint64_t now = now_ns();
        if (doing == ENTERING && entry_step(now)) doing = RESTING;
        if (doing == WORKING && command_step(now)) doing = RESTING;
        const char *command = doing == RESTING ? next_command() : NULL;
        if (command) {
            if (!strcmp(command, "quit")) {
                print_totals();
                return 0;
            }
            if (!begin_command(command)) fatal("no such command: %s", command);
            doing = WORKING;
            continue;
        }
        struct epoll_event events[512];
        int ready = epoll_wait(epoll, events, 512, -1);
        for (int i = 0; i < ready; i++) {
            void *what = events[i].data.ptr;
            uint64_t expirations;
            if (what == input) read_input();
            else if (what == &timer) (void)!read(timer, &expirations, sizeof expirations);
            else on_event(what, events[i].events);
        }
    }
}
