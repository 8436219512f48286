// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* /proc/kallsyms: BPF programs and modules are named by whoever loads them. */
#define _GNU_SOURCE
#include "../../user/symbols/private.h"

#include "fuzz.h"

static void check(const struct kernel *k)
{
	char found[64], *name;

	for (size_t i = 0; i < k->n; i++) {
		const char *at = kernel_find(k, k->symbols[i].address);

		FUZZ_EXPECT(k->symbols[i].name < k->names_n && k->symbols[i].address);
		FUZZ_EXPECT(!i || k->symbols[i - 1].address <= k->symbols[i].address);
		FUZZ_EXPECT(at && *at);
		FUZZ_EXPECT(symbols_base_length(at) && symbols_base_length(at) <= strlen(at));
		name = strndup(at, symbols_base_length(at));
		FUZZ_EXPECT(name);
		/* There may be none by that name when its endings say it is only a part. */
		if (kernel_address(k, name, found, sizeof(found)))
			FUZZ_EXPECT(!strncmp(found, name, strnlen(name, sizeof(found) - 1)));
		free(name);
		FUZZ_EXPECT(kernel_address(k, at, NULL, 0));
		kernel_find(k, k->symbols[i].address - 1);
	}
	kernel_find(k, 0);
	kernel_find(k, UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kernel k = { 0 };
	int fd = fuzz_file(data, size);

	if (kernel_load(&k, fuzz_path(fd).text))
		FUZZ_EXPECT(!k.symbols && k.hidden);
	FUZZ_EXPECT(k.loaded && k.hidden == !k.n);
	check(&k);
	kernel_free(&k);
	close(fd);
	return 0;
}
