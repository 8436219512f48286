// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * C++ and Rust names, over libiberty.
 *
 * The names come from other people's files, and a name of a hundred bytes can stand for gigabytes:
 * each back reference may double what is printed, or only what is walked. So the demangler's output
 * is taken piece by piece and the printing is left, by longjmp, once there is more than a frame will
 * show, and a long C++ name has so much CPU time and no more. That leaks nothing: libiberty's
 * callback interface keeps its state on the stack, but for the one buffer told of below.
 */
#define _GNU_SOURCE
#include "symbols.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* More output than this is cut: a frame shows SYMBOLS_NAME_MAX bytes. */
#define OUTPUT_MAX 1024
/* libiberty recurses over the name; the longest accepted one needs about 2 MiB of stack. Without
 * DMGL_NO_RECURSE_LIMIT it refuses every C++ name of more than 1,024 bytes, and templates have those.
 * Rust names need the limit: their back references may lead to themselves. */
#define MANGLED_MAX 4096
/* Lifetimes bound by all "for<...>" of a Rust name: libiberty counts through them one by one. */
#define LIFETIMES_MAX 250000
/* CPU time of a C++ name; the longest that a compiler makes take well under 1 ms. A level of back
 * references to double the walk needs about ten bytes: shorter names than this are done in time. */
#define NAME_MAX_NS	 10000000L
#define TIMED_LENGTH_MIN 128
#define TIMER_SIGNAL	 SIGVTALRM
/* After so many that took too long, long names stay as they are: a file may be full of them. */
#define TIMEOUTS_MAX 20

struct output {
	jmp_buf full;
	bool heap_pieces;
	size_t n;
	char text[OUTPUT_MAX + 4];
};

/* Of the thread whose name is being timed; NULL: none is, the signal came too late. */
static __thread sigjmp_buf *volatile out_of_time;
static _Atomic unsigned int timeouts;

static bool is_ascii(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] & 0x80)
			return false;
	return true;
}

static void take_piece(const char *piece, size_t n, void *opaque)
{
	struct output *o = opaque;
	size_t room = OUTPUT_MAX - o->n;

	/* Rust names have empty pieces without an address. */
	if (!n)
		return;
	memcpy(o->text + o->n, piece, n < room ? n : room);
	o->n += n < room ? n : room;
	/* A Rust identifier that is not ASCII comes in a buffer from the heap, freed after this call:
	 * the way out is the next piece's. */
	if (n > room && (!o->heap_pieces || is_ascii(piece, n)))
		longjmp(o->full, 1);
}

static unsigned int base_62(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 36;
	return 62;
}

/* Does a Rust name bind more lifetimes than any program? "FG..._" and "DG..._" are their numbers. */
static bool binds_too_many(const char *mangled)
{
	uint64_t sum = 0, number;

	for (const char *at = strchr(mangled, 'G'); at; at = strchr(at + 1, 'G')) {
		const char *digit = at + 1;

		if (at == mangled || (at[-1] != 'F' && at[-1] != 'D'))
			continue;
		for (number = 0; base_62(*digit) < 62 && number <= LIFETIMES_MAX; digit++)
			number = number * 62 + base_62(*digit);
		if (number > LIFETIMES_MAX || *digit == '_')
			sum += number;
		if (sum > LIFETIMES_MAX)
			return true;
	}
	return false;
}

/* True: o->text holds a name, perhaps cut. In a function of its own, so that nothing local to it
 * changes between setjmp and longjmp. */
static bool print_rust(const char *mangled, struct output *o)
{
	o->n = 0;
	o->heap_pieces = true;
	if (setjmp(o->full)) {
		memcpy(o->text + o->n, "...", 4);
		return true;
	}
	if (!rust_demangle_callback(mangled, DMGL_ANSI, take_piece, o))
		return false;
	o->text[o->n] = '\0';
	return o->n > 0;
}

static bool print_cxx(const char *mangled, struct output *o)
{
	o->n = 0;
	o->heap_pieces = false;
	if (setjmp(o->full)) {
		memcpy(o->text + o->n, "...", 4);
		return true;
	}
	if (!cplus_demangle_v3_callback(mangled, DMGL_ANSI | DMGL_NO_RECURSE_LIMIT, take_piece, o))
		return false;
	o->text[o->n] = '\0';
	return o->n > 0;
}

static void on_timer(int sig)
{
	sigjmp_buf *out = out_of_time;

	(void)sig;
	out_of_time = NULL;
	if (out)
		siglongjmp(*out, 1);
}

/* A timer of this thread's CPU time, which sends it TIMER_SIGNAL. */
static bool start_timer(timer_t *timer)
{
	const struct itimerspec after = { .it_value.tv_nsec = NAME_MAX_NS };
	/* Not masked while it runs: the handler does not return. */
	const struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_NODEFER };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TIMER_SIGNAL };

	event._sigev_un._tid = gettid();
	if (sigaction(TIMER_SIGNAL, &action, NULL) ||
	    timer_create(CLOCK_THREAD_CPUTIME_ID, &event, timer))
		return false;
	if (!timer_settime(*timer, 0, &after, NULL))
		return true;
	timer_delete(*timer);
	return false;
}

/* As print_cxx, false also when the name takes too long. The timer may stop libiberty anywhere: for C++
 * it has neither lock nor heap. */
static bool print_cxx_timed(const char *mangled, struct output *o)
{
	sigjmp_buf out;
	timer_t timer;
	bool printed;

	if (timeouts >= TIMEOUTS_MAX || !start_timer(&timer))
		return false;
	if (sigsetjmp(out, 0)) {
		printed = false;
		timeouts++;
	} else {
		out_of_time = &out;
		printed = print_cxx(mangled, o);
		out_of_time = NULL;
	}
	timer_delete(timer);
	return printed;
}

char *symbols_demangle(const char *mangled)
{
	size_t n = strnlen(mangled, MANGLED_MAX + 1);
	struct output o;
	bool printed;

	if (n < 3 || n > MANGLED_MAX || mangled[0] != '_' ||
	    (mangled[1] != 'Z' && mangled[1] != 'R'))
		return NULL;
	/* Legacy Rust names are valid C++ names too; libiberty tells them by their hash. */
	printed = (mangled[1] == 'Z' || !binds_too_many(mangled)) && print_rust(mangled, &o);
	if (!printed && mangled[1] == 'Z')
		printed = n < TIMED_LENGTH_MIN ? print_cxx(mangled, &o)
					       : print_cxx_timed(mangled, &o);
	return printed ? strdup(o.text) : NULL;
}
