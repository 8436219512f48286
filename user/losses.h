/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef LOSSES_H
#define LOSSES_H

#include <stddef.h>
#include "profile.h"

#define LOSSES_SIZE 512

/* What a trace lost, for people: "nothing", or "12 stacks, 3 probe runs". Returns buf. */
const char *losses_text(const struct profile_lost *l, char *buf, size_t size);

#endif /* LOSSES_H */
