/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs with known timing share: their clocks, and the JSON in which they tell the
 * truth about themselves. Times are CLOCK_MONOTONIC or schedstat nanoseconds.
 *
 * Each program takes "name=value" arguments and does a known amount of work, or, with that amount
 * 0, works until SIGTERM. It prints one JSON object at its end.
 */
#ifndef TRUTH_H
#define TRUTH_H

#include <stdbool.h>
#include <stdint.h>

/* Reads "name=value" arguments, takes over SIGTERM, opens the object. An argument that no
 * truth_arg() asked for is found by truth_ready() and ends the program. */
void truth_init(const char *program, int argc, char **argv);
long truth_arg(const char *name, long otherwise);
const char *truth_arg_text(const char *name, const char *otherwise);

/* Work that was set up begins now: creates the file ready=PATH, if that was given. */
void truth_ready(void);

/* Where the trace is to be there first (collect's modes attach and namespace): waits for the file
 * "attached" beside ready=PATH. Without that argument it returns at once. */
void truth_attached(void);

/* SIGTERM came. */
bool truth_stopped(void);

uint64_t truth_now_ns(void);
/* CPU time of the calling thread, of the process. */
uint64_t truth_thread_cpu_ns(void);
uint64_t truth_process_cpu_ns(void);

/* Busy for so much CPU time of the calling thread (not wall time), or until SIGTERM. */
void truth_spin_cpu(uint64_t ns);
/* One nanosleep, continued when a signal cuts it short unless the signal was SIGTERM. */
void truth_sleep(uint64_t ns);
void truth_name_thread(const char *name);
/* Binds the calling thread (and what it starts) to one CPU. */
void truth_pin(int cpu);

/* Adds a number to the object. */
void truth_number(const char *name, uint64_t value);
/* Adds the calling thread's own account: tid, name, CPU and run-queue time, switches. To be called
 * last in a thread. */
void truth_thread(void);
/* Prints the object, with the process's rusage and clocks. */
void truth_print(void);

/* Says what failed, with errno, and exits with 1; with 77 for what this machine cannot do. */
void truth_die(const char *what) __attribute__((noreturn));
void truth_skip(const char *why) __attribute__((noreturn));

#endif /* TRUTH_H */
