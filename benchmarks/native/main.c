/* The load generator for chat servers. It takes name=value options, connects all clients, sets them up
   once and prints one line of JSON. Then it reads commands from standard input and prints one line of
   JSON for each:

     run seconds=0.4 window=50      publish without a pause; window=0 is pipelined,
                                    mean=1 a mean window (see publish.c)
     pace seconds=2 rate=100        publish at a rate, and measure latency from the intended time
     presence                       turn presence on for every client
     join room=storm                let every client join a room
     quit                           print the totals

   Three more options: timeout=10 ends a command after so many seconds without a delivery, until_cut=1
   ends a pace soon after all stalled receivers are cut, and size=100 is the length of a text.

   The end of standard input ends the program. Everything that a receiver gets is checked at all times. */
#define _GNU_SOURCE
#include "login.h"
#include "publish.h"
#include "runs.h"
#include "sockets.h"
#include "state.h"
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const struct handlers HANDLERS = {.on_connected = on_connected, .take_lines = take_lines};

static char input[4096];
static size_t input_length;

static void raise_limits(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_TIMERSLACK, 1);
}

static void watch_timer_and_input(void) {
    epoll = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event of_timer = {.events = EPOLLIN, .data.ptr = &timer};
    struct epoll_event of_input = {.events = EPOLLIN, .data.ptr = input};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &of_timer);
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &of_input);
}

/* Returns the next whole line of standard input, or NULL. */
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

static void wait_for_events(void) {
    struct epoll_event events[512];
    int ready = epoll_wait(epoll, events, 512, -1);
    for (int i = 0; i < ready; i++) {
        void *source = events[i].data.ptr;
        uint64_t expirations;
        if (source == input) read_input();
        else if (source == &timer) (void)!read(timer, &expirations, sizeof expirations);
        else on_event(source, events[i].events);
    }
}

static void run_until_quit(void) {
    enum { SETTING_UP, WAITING, MEASURING } phase = SETTING_UP;
    begin_login();
    for (;;) {
        uint64_t now = now_ns();
        if (phase == SETTING_UP && login_step(now)) phase = WAITING;
        if (phase == MEASURING && command_step(now)) phase = WAITING;
        const char *command = phase == WAITING ? next_command() : NULL;
        if (!command) {
            wait_for_events();
            continue;
        }
        if (!strcmp(command, "quit")) return;
        if (!begin_command(command)) fatal("unknown command: %s", command);
        phase = MEASURING;
    }
}

int main(int count, char **arguments) {
    char options[2048] = "";
    for (int i = 1; i < count; i++) {
        if (strlen(options) + strlen(arguments[i]) + 2 > sizeof options) fatal("the options are too long");
        strcat(strcat(options, i > 1 ? " " : ""), arguments[i]);
    }
    raise_limits();
    init_state(options);
    prepare_verification();
    prepare_publishing();
    init_sockets(&HANDLERS);
    watch_timer_and_input();
    run_until_quit();
    print_totals();
    return 0;
}
