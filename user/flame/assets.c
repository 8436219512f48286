// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The picture's script and style, as they are in flame.js and flame.css, and a NUL behind each. Paths are from the root of the
 * checkout, where make runs; the Makefile knows that these objects depend on them. */
#define EMBED(name, path)                                                                \
	__asm__(".section .rodata\n.globl " #name "\n" #name ":\n.incbin \"" path "\"\n" \
		".byte 0\n.previous\n")

EMBED(flame_js, "user/flame/flame.js");
EMBED(flame_css, "user/flame/flame.css");
