// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Notes of marks and their arguments: the first byte tells whether the rest is notes or arguments. */
#define _GNU_SOURCE
#include "../../user/usdt.h"

#include "fuzz.h"

static bool symbol_at(void *arg, const char *name, uint64_t *vaddr)
{
	(void)arg;
	*vaddr = strlen(name);
	return *vaddr & 1;
}

static void check_arguments(const char *text)
{
	struct mark_arg args[MARK_ARGS];
	const char *bad = NULL;

	if (usdt_arguments(text, 0x1000, symbol_at, NULL, args, &bad)) {
		FUZZ_EXPECT(bad >= text && bad <= text + strlen(text));
		return;
	}
	for (size_t i = 0; i < MARK_ARGS; i++) {
		FUZZ_EXPECT(args[i].bytes <= 8 && args[i].shift <= 3 && args[i].from_bit <= 8);
		FUZZ_EXPECT(args[i].base < 16 || args[i].base == MARK_IP ||
			    args[i].base == MARK_NO_REGISTER);
		FUZZ_EXPECT(args[i].index < 16 || args[i].index == MARK_NO_REGISTER);
	}
}

static int on_note(void *arg, const struct usdt_note *note)
{
	size_t *left = arg;

	/* The strings lie within the notes. */
	FUZZ_EXPECT(strlen(note->provider) + strlen(note->name) + strlen(note->arguments) < *left);
	check_arguments(note->arguments);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t left = size;
	char *text;
	void *notes;

	if (!size)
		return 0;
	if (data[0] & 1) {
		text = fuzz_string(data + 1, size - 1);
		check_arguments(text);
		free(text);
		return 0;
	}
	notes = fuzz_copy(data + 1, size - 1);
	usdt_notes_each(notes, size - 1, on_note, &left);
	free(notes);
	return 0;
}
