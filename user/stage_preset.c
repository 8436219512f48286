// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The presets, share/presets/NAME, as parts of the program: it is one file that runs anywhere. Paths are
 * from the root of the checkout, where make runs; the Makefile knows that this object depends on them.
 */
#include "stage_option.h"

#include <stdio.h>
#include <string.h>

#define EMBED(name, path)                                                                \
	extern const char name[], name##_end[];                                          \
	__asm__(".section .rodata\n.globl " #name "\n" #name ":\n.incbin \"" path "\"\n" \
		".globl " #name "_end\n" #name "_end:\n.byte 0\n.previous\n")

EMBED(preset_llama_cpp, "share/presets/llama.cpp");
EMBED(preset_triton, "share/presets/triton");
EMBED(preset_tensorrt, "share/presets/tensorrt");
EMBED(preset_libtorch, "share/presets/libtorch");

static const struct {
	const char *name, *text, *end;
} presets[] = {
	{ "llama.cpp", preset_llama_cpp, preset_llama_cpp_end },
	{ "triton", preset_triton, preset_triton_end },
	{ "tensorrt", preset_tensorrt, preset_tensorrt_end },
	{ "libtorch", preset_libtorch, preset_libtorch_end },
};
#define PRESETS (sizeof(presets) / sizeof(presets[0]))

void stage_preset_names(char *buf, size_t len)
{
	size_t n = 0;

	if (len)
		buf[0] = '\0';
	for (size_t i = 0; i < PRESETS && n < len; i++)
		n += (size_t)snprintf(buf + n, len - n, "%s%s", i ? ", " : "", presets[i].name);
}

const char *stage_preset_text(const char *name, size_t *n)
{
	for (size_t i = 0; i < PRESETS; i++) {
		if (strcmp(name, presets[i].name))
			continue;
		*n = presets[i].end - presets[i].text;
		return presets[i].text;
	}
	return NULL;
}
