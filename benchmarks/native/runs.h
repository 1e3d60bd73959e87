/* The commands that measure: run, pace, presence, join. */
#ifndef RUNS_H
#define RUNS_H

#include "state.h"

extern bool measures_latency;

void record_latency(uint32_t publisher, uint32_t sequence, uint64_t nanoseconds);
void record_reply(struct client *client, const char *line, size_t length, uint64_t now);

/* Takes the ceiling's report of how many messages it has written to each receiver. */
void on_ceiling_line(const char *line, size_t length);

/* Returns false if the command is unknown. */
bool begin_command(const char *command);

/* Returns true when the command is done and its result is printed. */
bool command_step(uint64_t now);

void print_totals(void);

#endif
