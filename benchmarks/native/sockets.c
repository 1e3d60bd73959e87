/* Connect, read and write. */
#define _GNU_SOURCE
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[256 * 1024]; /* small enough to stay in the cache between the kernel's copy and the check */
static const struct handlers *handlers;

void init_sockets(const struct handlers *chosen) { handlers = chosen; }

static void watch(struct client *client, int operation) {
    bool reads = client->stage != CONNECTING && !(client->role & STALLED && client->stage == READY);
    uint32_t events = (reads ? EPOLLIN : 0) | (client->wants_write ? EPOLLOUT : 0);
    struct epoll_event event = {.events = events, .data.ptr = client};
    epoll_ctl(epoll, operation, client->fd, &event);
}

static int port_of(const struct client *client) {
    if (client->role & PUBLISHER) return settings.port;
    return settings.receiver_ports[client->id % settings.receiver_port_count];
}

void open_client(struct client *client) {
    int port = port_of(client);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) fatal("cannot make a socket for client %d: %s", client->id, strerror(errno));
    int on = 1, small = 4096;
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (client->role & STALLED) setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (connect(client->fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        fatal("cannot connect to port %d: %s", port, strerror(errno));
    client->stage = CONNECTING;
    client->wants_write = true;
    watch(client, EPOLL_CTL_ADD);
}

static void close_client(struct client *client, const char *reason) {
    close(client->fd);
    client->fd = -1;
    if (client->stage != READY) fatal("client %d was disconnected during set-up (%s)", client->id, reason);
    client->stage = CLOSED;
    client->closed_at = now_ns();
    if (!(client->role & STALLED)) tally.closed++;
}

static void flush(struct client *client) {
    while (client->out_taken < client->out_length) {
        ssize_t taken = send(client->fd, client->out + client->out_taken,
                             client->out_length - client->out_taken, MSG_NOSIGNAL);
        if (taken < 0 && errno == EAGAIN) {
            if (!client->wants_write) {
                client->wants_write = true;
                watch(client, EPOLL_CTL_MOD);
            }
            return;
        }
        if (taken < 0) {
            close_client(client, strerror(errno));
            return;
        }
        client->out_taken += (size_t)taken;
    }
    client->out_taken = client->out_length = 0;
    if (client->wants_write) {
        client->wants_write = false;
        watch(client, EPOLL_CTL_MOD);
    }
}

char *reserve_output(struct client *client, size_t length) {
    if (client->out_length + length > client->out_capacity) {
        client->out_capacity = client->out_length + length;
        client->out = realloc(client->out, client->out_capacity);
        if (!client->out) fatal("out of memory");
    }
    return client->out + client->out_length;
}

void commit_output(struct client *client, size_t length) {
    client->out_length += length;
    flush(client);
}

void send_bytes(struct client *client, const char *data, size_t length) {
    if (client->stage == CLOSED) return;
    memcpy(reserve_output(client, length), data, length);
    commit_output(client, length);
}

void send_text(struct client *client, const char *text) { send_bytes(client, text, strlen(text)); }

void stop_reading(struct client *client) { watch(client, EPOLL_CTL_MOD); }

static void read_client(struct client *client) {
    size_t kept = client->partial_length;
    if (kept) memcpy(buffer, client->partial, kept);
    ssize_t got = recv(client->fd, buffer + kept, sizeof buffer - kept, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        close_client(client, got ? strerror(errno) : "closed by the server");
        return;
    }
    char *end = buffer + kept + got;
    char *rest = handlers->take_lines(client, buffer, end, now_ns());
    if (client->stage == CLOSED) return;
    size_t left = (size_t)(end - rest);
    if (left > sizeof buffer / 2) fatal("client %d got a line without an end", client->id);
    if (left) {
        if (left > kept || !client->partial) client->partial = realloc(client->partial, left);
        if (!client->partial) fatal("out of memory");
        memcpy(client->partial, rest, left);
    }
    client->partial_length = left;
}

void on_event(struct client *client, uint32_t events) {
    if (client->stage == CLOSED) return;
    if (client->stage == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error) fatal("cannot connect to port %d: %s", settings.port, strerror(error));
        client->wants_write = false;
        client->stage = GREETING;
        watch(client, EPOLL_CTL_MOD);
        handlers->on_connected(client);
        return;
    }
    if (events & EPOLLIN) read_client(client);
    else if (events & (EPOLLHUP | EPOLLERR)) close_client(client, "reset");
    if (client->stage != CLOSED && events & EPOLLOUT) flush(client);
}
