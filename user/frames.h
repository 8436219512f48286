/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the names of a stack's frames tell. Kernel frames are named "symbol_[k]". */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the symbol in a frame's name: without "_[k]" and without the suffixes that gcc adds to
 * the clones it makes (.isra.0, .constprop.0, .part.0, .cold). */
size_t frame_symbol(const char *name);

/* A symbol, or a prefix of symbols, to be found among frames. */
struct frame_pattern {
	const char *symbol;
	size_t n;
	bool prefix;
};
#define FRAME_AT(symbol)                          \
	{                                         \
		symbol, sizeof(symbol) - 1, false \
	}
#define FRAME_FROM(symbol)                       \
	{                                        \
		symbol, sizeof(symbol) - 1, true \
	}

/* symbol_n: frame_symbol(name). */
bool frame_matches(const struct frame_pattern *p, const char *name, size_t symbol_n);

enum frames_origin {
	FRAMES_SAMPLE, /* an on-CPU sample */
	FRAMES_WAIT,   /* taken around a switch: a wait, or what followed on the run queue */
	FRAMES_CALL,   /* taken by a probe at a call's return */
	FRAMES_WAKER,  /* taken where the kernel wakes a thread */
};

/*
 * How many of the frames (outermost first, user frames before kernel frames) are the traced
 * program's doing: what remains at the end are the leaf-side kernel frames through which infbpf came
 * to take the stack, and which differ by hook and kernel.
 */
size_t frames_trim(const char *const *frames, size_t n, size_t user_n, enum frames_origin origin);

/* Where a call's name has to be put among user_n user frames: user_n: after the last. found: it is
 * among them already. A frame with a variant of the name (cudaMemcpyAsync_ptsz, __cudaLaunchKernel)
 * goes below it. Where neither is there, outside tells: how many of the frames are the call's callers;
 * the others are what it called itself. */
size_t frames_place_call(const char *const *frames, size_t user_n, size_t outside, const char *call,
			 bool *found);

#endif /* FRAMES_H */
