/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "subjects.h"

#include <stdexcept>
#include <time.h>

#define SUBJECT __attribute__((noinline, noclone))
#define US	1000ull

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

enum {
	STAGE_PLAIN,
	STAGE_SLEEPS,
	STAGE_RETS,
	STAGE_RECURSES,
	STAGE_TAIL_TO,
	STAGE_TAIL,
	STAGE_TAIL_IF,
	STAGE_TAIL_POINTER,
	STAGE_PROTECTED,
	STAGE_COLD,
	STAGE_YIELDS,
	OPS_ADD_CALL,
	OPS_MUL_CALL,
	OPS_CAST_FLOAT_CALL
};
struct note notes[] = {
	{ "stage_plain", 0, 0 },    { "stage_sleeps", 0, 0 },		{ "stage_rets", 0, 0 },
	{ "stage_recurses", 0, 0 }, { "stage_tail_to", 0, 0 },		{ "stage_tail", 0, 0 },
	{ "stage_tail_if", 0, 0 },  { "stage_tail_pointer", 0, 0 },	{ "stage_protected", 0, 0 },
	{ "stage_cold", 0, 0 },	    { "stage_yields", 0, 0 },		{ "ops::add::call", 0, 0 },
	{ "ops::mul::call", 0, 0 }, { "ops::cast<float>::call", 0, 0 },
};
const unsigned long notes_n = sizeof(notes) / sizeof(notes[0]);

static void note_call(int which, uint64_t begin)
{
	notes[which].calls++;
	notes[which].ns += now_ns() - begin;
}

/* From its making to its end. */
struct inside {
	int which;
	uint64_t begin = now_ns();
	explicit inside(int w) : which(w)
	{
	}
	~inside()
	{
		note_call(which, begin);
	}
};

SUBJECT void work(uint64_t ns)
{
	for (uint64_t end = now_ns() + ns; now_ns() < end;)
		;
}

SUBJECT void pause_for(uint64_t ns)
{
	struct timespec t = { 0, (long)ns };

	nanosleep(&t, NULL);
}

extern "C" {
SUBJECT int stage_plain(int n)
{
	inside here(STAGE_PLAIN);

	work(200 * US);
	return n + 1;
}

SUBJECT int stage_sleeps(int n)
{
	inside here(STAGE_SLEEPS);

	pause_for(2000 * US);
	return n + 1;
}

/* Several ways out, each with its own ret where it is optimised. */
SUBJECT int stage_rets(int n)
{
	uint64_t begin = now_ns();

	if (n % 4 == 0) {
		work(20 * US);
		note_call(STAGE_RETS, begin);
		return 1;
	}
	work(50 * US);
	if (n % 4 == 1) {
		note_call(STAGE_RETS, begin);
		return n * 3;
	}
	work(100 * US);
	note_call(STAGE_RETS, begin);
	return n % 4 == 2 ? n : stage_plain(n) ? n - 1 : 0;
}

SUBJECT int stage_recurses(int n)
{
	inside here(STAGE_RECURSES);
	volatile int deeper;

	work(30 * US);
	deeper = n ? stage_recurses(n - 1) : 0;
	work(30 * US);
	return deeper + 1;
}

SUBJECT int stage_tail_to(int n)
{
	inside here(STAGE_TAIL_TO);

	work(300 * US);
	return n + 2;
}

/* Optimised, these end in a jump; what they jump to is no part of them. */
SUBJECT int stage_tail(int n)
{
	uint64_t begin = now_ns();

	work(50 * US);
	note_call(STAGE_TAIL, begin);
	return stage_tail_to(n);
}

SUBJECT int stage_tail_if(int n)
{
	uint64_t begin = now_ns();

	work(50 * US);
	note_call(STAGE_TAIL_IF, begin);
	if (n & 1)
		return stage_tail_to(n);
	return n;
}

SUBJECT int stage_tail_pointer(int (*to)(int), int n)
{
	uint64_t begin = now_ns();

	work(50 * US);
	note_call(STAGE_TAIL_POINTER, begin);
	return to(n);
}

int (*const stage_table[2])(int) = { stage_tail_to, stage_plain };

/* No frame, and a jump through memory. */
SUBJECT int stage_tail_table(unsigned int which, int n)
{
	return stage_table[which & 1](n);
}

/* A switch that becomes a table of jumps. */
SUBJECT int stage_switch(unsigned int n)
{
	volatile unsigned int x = n;

	switch (n) {
	case 0:
		x = x * 3 + 1;
		break;
	case 1:
		x = x ^ 77;
		break;
	case 2:
		x = x - 9;
		break;
	case 3:
		x = x << 3;
		break;
	case 4:
		x = x / 5;
		break;
	case 5:
		x = ~x;
		break;
	case 6:
		x = x % 7;
		break;
	default:
		x = x + 1;
	}
	for (volatile int i = 0; i < 2000; i++)
		x += (unsigned int)i;
	return (int)x;
}

/* The check before its ret is what is probed. */
SUBJECT __attribute__((stack_protect)) int stage_protected(int n)
{
	char text[64];
	inside here(STAGE_PROTECTED);

	for (unsigned int i = 0; i < sizeof(text); i++)
		text[i] = (char)(n + (int)i);
	work(40 * US);
	__asm__ volatile("" : : "r"(text) : "memory");
	return text[n & 63];
}

__attribute__((cold, noinline)) static void rare(void)
{
	work(90 * US);
}

/* The rare part, its ret included, is moved away by GCC: stage_cold.cold. */
SUBJECT int stage_cold(int n)
{
	uint64_t begin = now_ns();

	work(20 * US);
	if (__builtin_expect(n % 3 == 0, 0)) {
		rare();
		note_call(STAGE_COLD, begin);
		rare();
		return -n;
	}
	note_call(STAGE_COLD, begin);
	return n;
}

SUBJECT int stage_throws(int n)
{
	work(100 * US);
	if (n % 2)
		throw std::runtime_error("through a stage");
	return n;
}

SUBJECT int stage_longjmps(jmp_buf *to)
{
	work(100 * US);
	if (to)
		longjmp(*to, 1);
	return 1;
}

SUBJECT int stage_waits_for_cancel(void)
{
	volatile int never = 0;

	while (!never)
		pause_for(1000 * US);
	return never;
}

SUBJECT int stage_yields(void (*yield)(void))
{
	inside here(STAGE_YIELDS);

	work(50 * US);
	yield();
	work(50 * US);
	return 1;
}

/* Where it is optimised the loop may begin at the function's first instruction. */
SUBJECT int stage_loops(const char *text)
{
	while (*text && *text != ';')
		text++;
	return *text;
}
}

namespace ops
{
SUBJECT int add::call(int n)
{
	inside here(OPS_ADD_CALL);

	work(30 * US);
	return n + 1;
}

SUBJECT int mul::call(int n)
{
	inside here(OPS_MUL_CALL);

	work(60 * US);
	return n * 2;
}

template <class T> SUBJECT int cast<T>::call(T n)
{
	inside here(OPS_CAST_FLOAT_CALL);

	work(90 * US);
	return (int)n;
}
template struct cast<float>;

SUBJECT int uncalled(int n)
{
	return n;
}
} // namespace ops
