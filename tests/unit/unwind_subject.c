// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Code with frames of all kinds, for test_unwind_step.c, which compiles it in many ways and stops
 * it at every instruction.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int subject(void);

#define NOINLINE __attribute__((noinline))

static volatile int sink;

static NOINLINE int recurse(int n, int a, int b, int c)
{
	if (!n)
		return a + b * c;
	return recurse(n - 1, b, c, a) + recurse(n / 2, c, b, a);
}

static NOINLINE int with_alloca(int n)
{
	char *p = __builtin_alloca((size_t)n);

	memset(p, n, (size_t)n);
	return p[n / 2] + recurse(1, p[0], p[1], p[2]);
}

static NOINLINE int aligned(int n)
{
	char p[128] __attribute__((aligned(64)));

	memset(p, n, sizeof(p));
	return p[3] + with_alloca(n + p[4]);
}

/* Aligned and of variable size: gcc keeps the CFA in memory, behind an expression. */
static NOINLINE int aligned_alloca(int n, ...)
{
	char p[64] __attribute__((aligned(64)));
	char *q = __builtin_alloca((size_t)n);
	va_list ap;

	va_start(ap, n);
	memset(p, n, sizeof(p));
	memset(q, va_arg(ap, int), (size_t)n);
	va_end(ap);
	return p[1] + q[n - 1] + recurse(1, n, n, n);
}

static NOINLINE int many(const char *format, ...)
{
	va_list ap;
	int sum = 0;

	va_start(ap, format);
	for (; *format; format++)
		sum += *format == 'f' ? (int)va_arg(ap, double) : va_arg(ap, int);
	va_end(ap);
	return sum;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b + recurse(0, 0, 0, 0);
}

static NOINLINE int callbacks(void)
{
	int v[] = { 3, 1, 2 };

	qsort(v, 3, sizeof(v[0]), compare);
	return v[0];
}

static NOINLINE int switching(int n)
{
	switch (n) {
	case 1:
		return recurse(1, 1, 2, 3);
	case 2:
		return with_alloca(17);
	case 3:
		return many("ifi", 1, 2.0, 3);
	case 4:
		return 5;
	case 5:
		return 17;
	}
	return n;
}

static jmp_buf back;

static NOINLINE __attribute__((noreturn)) void leave(int n)
{
	sink = n;
	longjmp(back, 1);
}

static NOINLINE int early(int n)
{
	if (n > 100)
		leave(n);
	for (int i = 0; i < 3; i++)
		sink += i * n;
	return sink;
}

static NOINLINE uint64_t wide(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
			      uint64_t f, uint64_t g, uint64_t h)
{
	uint64_t x[40];

	for (int i = 0; i < 4; i++)
		x[i * 10] = a * b + c * d + e * f + g * h + (uint64_t)recurse(0, i, 1, 1);
	return x[0] ^ x[10] ^ x[20] ^ x[30] ^ a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
}

int subject(void)
{
	char text[64];
	struct timespec t;
	int sum = 0;

	sink = 0;
	for (int i = 0; i < 6; i++)
		sum += switching(i);
	sum += aligned(40) + aligned_alloca(33, 7) + callbacks() + early(3);
	if (!setjmp(back))
		sum += early(101);
	sum += (int)wide(1, 2, 3, 4, 5, 6, 7, 8);
	clock_gettime(CLOCK_MONOTONIC, &t);
	snprintf(text, sizeof(text), "%d %s %.3f", sum, "text", 1.5);
	return (int)strlen(text) + (strchr(text, 't') != NULL);
}
