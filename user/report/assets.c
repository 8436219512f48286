// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The page's script and style, as user/flame/assets.c has the picture's. */
#define EMBED(name, path)                                                                \
	__asm__(".section .rodata\n.globl " #name "\n" #name ":\n.incbin \"" path "\"\n" \
		".byte 0\n.previous\n")

EMBED(report_js, "user/report/report.js");
EMBED(report_css, "user/report/report.css");
