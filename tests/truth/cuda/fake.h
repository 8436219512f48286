/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the stand-ins for NVIDIA's libraries share: how long a call lasts, and device memory that
 * nobody reads. Each library has a copy of its own. */
#ifndef FAKE_H
#define FAKE_H

#include <stddef.h>
#include <stdint.h>

#ifdef FAKE_STATIC
#define EXPORT __attribute__((visibility("hidden")))
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { FAKE_OK = 0, FAKE_INVALID_VALUE = 1, FAKE_NO_MEMORY = 2 };

/* What the next calls of this thread do, in this order: call hook; spin (on the CPU, by the wall
 * clock); sleep. Then they return result. */
struct fake_plan {
	void (*hook)(void);
	uint64_t spin_ns;
	uint64_t sleep_ns;
	int result;
};

int fake_carry_out(const struct fake_plan *plan);

/* Addresses that overlap no others in use; those of a block that was given back come again for one of
 * its size. 0: over 1 GiB, or none left. */
uint64_t fake_memory_take(size_t bytes);
void fake_memory_give(uint64_t address);

/* A handle for something: an address that is no code and no memory of the program's. */
void *fake_handle(void);

#endif /* FAKE_H */
