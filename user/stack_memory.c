// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include "stack_memory.h"

/* How far behind a copy's end the rest of the same stack may lie: ulimit -s of 64 MiB. */
#define STACK_MAX_BYTES (64UL << 20)

static void add_copy(struct stack_memory *m, const struct rec_sample *s, size_t len, uint64_t start,
		     size_t at, size_t n)
{
	if (!n || at > len || n > len - at || start < SAMPLE_RED_ZONE ||
	    start - SAMPLE_RED_ZONE > UINT64_MAX - n)
		return;
	start -= SAMPLE_RED_ZONE;
	m->copies[m->copies_n].start = start;
	m->copies[m->copies_n].end = start + n;
	m->copies[m->copies_n++].bytes = (const uint8_t *)s + at;
}

void stack_memory_copied(struct stack_memory *m, const struct rec_sample *s, size_t len)
{
	m->copies_n = 0;
	m->pid = 0;
	add_copy(m, s, len, s->regs.sp, SAMPLE_STACK_AT(INFBPF_MAX_STACK), s->stack_bytes);
	add_copy(m, s, len, s->outer_sp, s->outer_at, s->outer_bytes);
}

void stack_memory_remote(struct stack_memory *m, pid_t pid)
{
	m->copies_n = 0;
	m->pid = pid;
	m->chunk_start = m->chunk_end = 0;
}

static int read_process(pid_t pid, uint64_t address, void *buf, size_t n)
{
	struct iovec local = { buf, n }, remote = { (void *)(uintptr_t)address, n };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)n ? 0 : -EFAULT;
}

/* A page at a time: a walk asks for some words in each. */
static int read_remote(struct stack_memory *m, uint64_t address, void *buf, size_t n)
{
	uint64_t page = address & ~(uint64_t)(STACK_MEMORY_CHUNK - 1);

	if (n > STACK_MEMORY_CHUNK - (address - page))
		return read_process(m->pid, address, buf, n);
	if (page != m->chunk_start || !m->chunk_end) {
		m->chunk_end = 0;
		if (read_process(m->pid, page, m->chunk, STACK_MEMORY_CHUNK))
			return -EFAULT;
		m->chunk_start = page;
		m->chunk_end = page + STACK_MEMORY_CHUNK;
	}
	memcpy(buf, m->chunk + (address - page), n);
	return 0;
}

int stack_memory_read(struct stack_memory *m, uint64_t address, void *buf, size_t n)
{
	int err = -EFAULT;

	if (address > UINT64_MAX - n)
		return -EFAULT;
	if (m->pid)
		return read_remote(m, address, buf, n);
	for (size_t i = 0; i < m->copies_n; i++) {
		if (address >= m->copies[i].start && address + n <= m->copies[i].end) {
			memcpy(buf, m->copies[i].bytes + (address - m->copies[i].start), n);
			return 0;
		}
		/* A walk that is on the right way does not leave the stack: it asks for what was not
		 * copied, beyond the limit or beyond a page that the thread has never touched. */
		if (address + n > m->copies[i].end && address >= m->copies[i].start &&
		    address - m->copies[i].start < STACK_MAX_BYTES)
			err = -ENODATA;
	}
	return err;
}

int stack_memory_read_code(pid_t pid, uint64_t address, void *buf, size_t n)
{
	struct iovec local = { buf, n }, remote = { (void *)(uintptr_t)address, n };
	ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return got > 0 ? (int)got : -EFAULT;
}
