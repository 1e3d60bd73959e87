/* Format messages, and limit how far a publisher may run ahead of its receivers. */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "state.h"

void prepare_publishing(void);

/* Writes `count` messages with the given intended time. */
void publish(struct client *client, uint32_t count, uint64_t when);

/* Lets every publisher write as far as `window` allows; 0 is pipelined. See publish.c for a mean window. */
void fill_windows(uint32_t window, bool is_mean, uint64_t now);

bool everything_received(void);

#endif
