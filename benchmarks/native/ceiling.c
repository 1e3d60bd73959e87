/* The ceiling: how fast one thread in C writes the same bytes to N loopback sockets.

   It reads only the commands of its first client, and nothing while it writes. The receivers belong to
   the load generator and do the same checks as with any server, so every line has its sequence number.

     receivers N first U size S   accept N further connections
     run NANOSECONDS BATCH        write to each in turn, BATCH messages in a send; 0: about 64 KiB

   After a run it reports how many messages it has written to each receiver since the start: sent N. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const size_t PIPELINED = 64 * 1024;
static const size_t SEQUENCE_AT = 27; /* after "[HH:MM:SS] u00000: =@=0000 " */

static int *receivers, receiver_count;
static char *batch, line[512];
static size_t line_length;
static uint32_t sequence;

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int accept_connection(int listener) {
    int on = 1, connection = accept(listener, NULL, NULL);
    if (connection < 0) exit(1);
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connection;
}

static void accept_receivers(int listener, int count, int first, int size) {
    receiver_count = count;
    receivers = calloc((size_t)count + 1, sizeof *receivers);
    for (int i = 0; i < count; i++) receivers[i] = accept_connection(listener);
    line_length = (size_t)snprintf(line, sizeof line, "[12:00:00] u%05d: =@=0000 %08d %016d ", first, 0, 0);
    size_t end = 19 + (size_t)size;
    memset(line + line_length, 'x', end - line_length);
    strcpy(line + end - 1, "$\n");
    line_length = end + 1;
}

static void fill_batch(size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t rest = sequence++;
        char *digit = batch + i * line_length + SEQUENCE_AT + 8;
        for (int k = 0; k < 8; k++, rest /= 10) *--digit = (char)('0' + rest % 10);
    }
}

static void run(uint64_t nanoseconds, size_t count) {
    if (!count) count = PIPELINED / line_length;
    batch = realloc(batch, count * line_length);
    if (!batch) exit(1);
    for (size_t i = 0; i < count; i++) memcpy(batch + i * line_length, line, line_length);
    uint64_t stop_at = now_ns() + nanoseconds;
    while (now_ns() < stop_at) {
        fill_batch(count);
        for (int i = 0; i < receiver_count; i++)
            for (size_t taken = 0; taken < count * line_length;) {
                ssize_t sent = send(receivers[i], batch + taken, count * line_length - taken, MSG_NOSIGNAL);
                if (sent < 0) exit(1);
                taken += (size_t)sent;
            }
    }
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2) return 2;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("ceiling");
        return 1;
    }
    int first_client = accept_connection(listener);
    FILE *commands = fdopen(first_client, "r");
    char command[128];
    while (commands && fgets(command, sizeof command, commands)) {
        int count, first, size;
        unsigned long long nanoseconds;
        unsigned messages;
        if (sscanf(command, "receivers %d first %d size %d", &count, &first, &size) == 3) {
            accept_receivers(listener, count, first, size);
        } else if (sscanf(command, "run %llu %u", &nanoseconds, &messages) == 2) {
            run(nanoseconds, messages);
            dprintf(first_client, "sent %u\n", sequence);
        }
    }
    return 0;
}
