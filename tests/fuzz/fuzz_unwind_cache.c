// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The input is a file of the unwinder's disk cache, after its head has been made to pass: magic,
 * key and checksum keep out accidents, not malice. Its functions are then walked.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "unwind/disk.h"

#define KEY   "fuzz"
#define STACK 0x700000000000ULL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool code(void *arg, uint64_t ip, struct unwind_code *out)
{
	(void)ip;
	*out = (struct unwind_code){ arg, ip };
	return ip;
}

static int read_memory(void *arg, uint64_t address, void *buf, size_t n)
{
	(void)arg;
	if (address < STACK || address - STACK > 0x10000)
		return -EFAULT;
	memset(buf, (int)(address >> 3), n);
	return 0;
}

static void step(struct unwind *u, struct unwind_file *f, uint64_t vaddr)
{
	const struct unwind_space space = { f, code, read_memory, NULL, NULL };
	struct walk w = { .u = u, .space = &space };
	const uint32_t rules = tables_rules(f, vaddr);

	for (int i = 0; i < REGS; i++)
		w.regs.r[i] = STACK + (uint64_t)i * 64;
	w.regs.known = (1u << REGS) - 1;
	if (rules != POOL_NONE && rules != POOL_PENDING)
		step_by_rules(&w, pool_rules_at(&u->pool, rules));
}

/* A head that says how much of what there is: by the input, but adding up. */
static size_t make_head(uint8_t *image, size_t n)
{
	struct image_head h;
	size_t left;

	memcpy(&h, image, sizeof(h));
	left = n - sizeof(h);
	h.magic = IMAGE_MAGIC;
	h.version = IMAGE_VERSION;
	memset(h.key, 0, sizeof(h.key));
	memcpy(h.key, KEY, sizeof(KEY));
	h.fdes_n %= left / sizeof(struct fde) + 1;
	left -= h.fdes_n * sizeof(struct fde);
	h.rows_n %= left / sizeof(struct row) + 1;
	left -= h.rows_n * sizeof(struct row);
	h.words_n = (uint32_t)(left / 8);
	for (int i = 0; i < SOURCES; i++)
		h.index_n[i] = 0;
	n -= left % 8;
	h.checksum = 0;
	memcpy(image, &h, sizeof(h));
	h.checksum = image_checksum(image, n);
	memcpy(image, &h, sizeof(h));
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct unwind_file *f = calloc(1, sizeof(*f));
	uint8_t *image = malloc(n + 1);
	struct unwind *u = NULL;

	if (n >= sizeof(struct image_head) && f && image && !unwind_open(&u, NULL)) {
		memcpy(image, data, n);
		f->u = u;
		memcpy(f->key, KEY, sizeof(KEY));
		if (!image_load(f, image, make_head(image, n)))
			for (size_t i = 0; i < f->fdes_n && i < 256; i++)
				for (uint64_t k = 0; k < 4; k++)
					step(u, f, f->fdes[i].start + f->fdes[i].length * k / 4);
		tables_drop(f);
		unwind_close(u);
	}
	free(f);
	free(image);
	return 0;
}
