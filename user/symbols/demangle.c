// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * C++ and Rust names, over libiberty.
 *
 * The names come from other people's files, and a name of a hundred bytes can stand for gigabytes:
 * each back reference may double what is printed. So the demangler's output is taken piece by piece
 * and the printing is left, by longjmp, once there is more than a frame will show. That leaks
 * nothing: libiberty's callback interface keeps all its state on the stack.
 */
#define _GNU_SOURCE
#include "symbols.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

/* More output than this is cut: a frame shows SYMBOLS_NAME_MAX bytes. */
#define OUTPUT_MAX 1024
/* libiberty recurses over the name; the longest accepted one needs about 2 MiB of stack. Without
 * DMGL_NO_RECURSE_LIMIT it refuses every C++ name of more than 1,024 bytes, and templates have those.
 * Rust names need the limit: their back references may lead to themselves, and the length bounds
 * nothing. */
#define MANGLED_MAX 4096

struct output {
	jmp_buf full;
	size_t n;
	char text[OUTPUT_MAX + 4];
};

static void take_piece(const char *piece, size_t n, void *opaque)
{
	struct output *o = opaque;
	size_t room = OUTPUT_MAX - o->n;

	/* Rust names have empty pieces without an address. */
	if (!n)
		return;
	memcpy(o->text + o->n, piece, n < room ? n : room);
	o->n += n < room ? n : room;
	if (n > room)
		longjmp(o->full, 1);
}

/* True: o->text holds a name, perhaps cut. In a function of its own, so that nothing local to it
 * changes between setjmp and longjmp. */
static bool print_name(const char *mangled, struct output *o)
{
	const int options = DMGL_ANSI;

	if (setjmp(o->full)) {
		memcpy(o->text + o->n, "...", 4);
		return true;
	}
	/* Legacy Rust names are valid C++ names too; libiberty tells them by their hash. */
	if (!rust_demangle_callback(mangled, options, take_piece, o)) {
		o->n = 0;
		if (mangled[1] != 'Z' ||
		    !cplus_demangle_v3_callback(mangled, options | DMGL_NO_RECURSE_LIMIT,
						take_piece, o))
			return false;
	}
	o->text[o->n] = '\0';
	return o->n > 0;
}

char *symbols_demangle(const char *mangled)
{
	size_t n = strnlen(mangled, MANGLED_MAX + 1);
	struct output o;

	if (n < 3 || n > MANGLED_MAX || mangled[0] != '_' ||
	    (mangled[1] != 'Z' && mangled[1] != 'R'))
		return NULL;
	o.n = 0;
	return print_name(mangled, &o) ? strdup(o.text) : NULL;
}
