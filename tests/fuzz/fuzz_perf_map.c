// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A perf map: written by the target, or by whoever can write to its /tmp. */
#define _GNU_SOURCE
#include "../../user/symbols/perf_map.h"

#include "../../user/symbols/symbols.h"
#include "fuzz.h"

#define N 12

static void take(void *arg, size_t i, char *text)
{
	unsigned int *calls = arg;

	FUZZ_EXPECT(i < N && !calls[i]++);
	FUZZ_EXPECT(text[0] && strlen(text) <= PERF_MAP_LINE_MAX);
	symbols_clean_name(text);
	FUZZ_EXPECT(!strpbrk(text, ";\n\033") && strlen(text) <= SYMBOLS_NAME_MAX);
}

/* The first line that starts with a number: some addresses are in the map then. */
static uint64_t first_number(const uint8_t *data, size_t size)
{
	char text[20] = "";

	memcpy(text, data, size < sizeof(text) - 1 ? size : sizeof(text) - 1);
	return strtoull(text, NULL, 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t first = first_number(data, size) & (UINT64_MAX >> 1);
	uint64_t addresses[N] = { 0, 1, 0xfff, 0x1000, 0x1001 };
	unsigned int calls[N] = { 0 };
	uint64_t budget = size;
	int fd = fuzz_file(data, size);

	for (size_t i = 5; i < N - 1; i++)
		addresses[i] = (first > 0x1001 ? first : 0x1001) + i;
	addresses[N - 1] = UINT64_MAX;
	FUZZ_EXPECT(!perf_map_read(fd, addresses, N, &budget, take, calls));
	close(fd);
	return 0;
}
