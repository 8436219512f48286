/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program knows of the CUDA calls that it makes, for its account of itself: calls, errors by
 * code and bytes by name; copies by kind and size. Children of a fork write into the same book. */
#ifndef BOOK_H
#define BOOK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void book_open(void);
/* A call came back with ret. bytes: what it asked for. Returns ret. */
int book(const char *name, int ret, uint64_t bytes);
/* A copy; kind: its cudaMemcpyKind, -1 where it has none. */
int book_copy(const char *name, int ret, uint64_t bytes, int kind);
/* "NAME.calls", "NAME.errors", "NAME.bytes", "NAME.code.N"; "copy.KIND.calls", "copy.KIND.bytes",
 * "copy.KIND.size.N": of size 2^(i-1) < bytes <= 2^i = N. */
void book_tell(void);

#ifdef __cplusplus
}
#endif

/* By the plain name, whatever a header has made of it. */
#define BOOK(name, ...)			  book(#name, name(__VA_ARGS__), 0)
#define BOOK_BYTES(bytes, name, ...)	  book(#name, name(__VA_ARGS__), bytes)
#define BOOK_COPY(bytes, kind, name, ...) book_copy(#name, name(__VA_ARGS__), bytes, kind)

#endif /* BOOK_H */
