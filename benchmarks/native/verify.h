/* Check that every line arrives whole, once and in its publisher's order. */
#ifndef VERIFY_H
#define VERIFY_H

#include "state.h"

void prepare_verification(void);

/* Takes the whole lines of [start, end). Returns the beginning of the rest. */
char *take_lines(struct client *client, char *start, char *end, uint64_t now);

#endif
