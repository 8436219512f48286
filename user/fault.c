// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "fault.h"

int fault_set(struct fault *f, enum exit_code code, int err, const char *format, ...)
{
	va_list args;

	if (f->code == EXIT_DONE) {
		f->code = code;
		va_start(args, format);
		vsnprintf(f->text, sizeof(f->text), format, args);
		va_end(args);
	}
	return -err;
}

static void print_clean(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	fprintf(stderr, "infbpf: %s\n", text);
}

void fault_print(const struct fault *f)
{
	char text[sizeof(f->text)];

	memcpy(text, f->text, sizeof(text));
	print_clean(text);
}

void message_print(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_clean(text);
}
