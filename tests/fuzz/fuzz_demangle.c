// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Names of functions, as they stand in the target's files, made frames of folded stacks. */
#define _GNU_SOURCE
#include "../../user/symbols/symbols.h"

#include "fuzz.h"

static bool ends_in_count(const char *name)
{
	size_t n = strlen(name), i = n;

	while (i && (name[i - 1] >= '0' && name[i - 1] <= '9'))
		i--;
	return i && i < n && name[i - 1] == ' ';
}

/* What the head of symbols.h promises of every name. */
static void check_clean(char *name)
{
	char *once;

	symbols_clean_name(name);
	FUZZ_EXPECT(strlen(name) <= SYMBOLS_NAME_MAX);
	for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
		FUZZ_EXPECT(*c >= 0x20 && *c != 0x7f && *c != ';');
		/* U+0080 to U+009f in UTF-8: control characters to a terminal. */
		FUZZ_EXPECT(*c != 0xc2 || c[1] >= 0xa0);
	}
	FUZZ_EXPECT(!ends_in_count(name));
	FUZZ_EXPECT(*name != ' ' && (!*name || name[strlen(name) - 1] != ' '));
	once = strdup(name);
	FUZZ_EXPECT(once);
	symbols_clean_name(once);
	FUZZ_EXPECT(!strcmp(once, name));
	free(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = fuzz_string(data, size), *demangled = symbols_demangle(name);

	if (demangled) {
		FUZZ_EXPECT(*demangled && strlen(demangled) <= 2048);
		check_clean(demangled);
	}
	check_clean(name);
	free(demangled);
	free(name);
	return 0;
}
