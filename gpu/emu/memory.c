/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Device, managed and pinned memory. All of it is host memory; what differs is who may use it. */
#include <stdlib.h>
#include <string.h>
#include "emu.h"

/* cudaMalloc aligns to at least this. */
#define ALIGN 256

/* The first block that begins after ptr. */
static size_t block_after(const struct emu_memory *m, uintptr_t ptr)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (m->blocks[mid].start <= ptr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct emu_block *emu_memory_find_locked(const struct emu_memory *m, const void *ptr)
{
	size_t i = block_after(m, (uintptr_t)ptr);

	if (!i || (uintptr_t)ptr - m->blocks[i - 1].start >= m->blocks[i - 1].bytes)
		return NULL;
	return &m->blocks[i - 1];
}

bool emu_memory_holds(const struct emu_block *b, const void *ptr, size_t bytes)
{
	return bytes <= b->bytes - ((uintptr_t)ptr - b->start);
}

static cudaError_t block_add(struct emu_memory *m, void *ptr, size_t bytes, enum emu_owner owner)
{
	size_t i;

	if (m->n == m->room) {
		size_t room = m->room ? 2 * m->room : 64;
		struct emu_block *blocks = realloc(m->blocks, room * sizeof(*blocks));

		if (!blocks)
			return cudaErrorMemoryAllocation;
		m->blocks = blocks;
		m->room = room;
	}
	i = block_after(m, (uintptr_t)ptr);
	memmove(&m->blocks[i + 1], &m->blocks[i], (m->n - i) * sizeof(*m->blocks));
	m->blocks[i] = (struct emu_block){ (uintptr_t)ptr, bytes, owner };
	m->n++;
	return cudaSuccess;
}

static bool on_device(enum emu_owner owner)
{
	return owner == EMU_DEVICE || owner == EMU_MANAGED;
}

static void block_remove(struct emu_memory *m, size_t i)
{
	if (on_device(m->blocks[i].owner))
		m->device_bytes -= m->blocks[i].bytes;
	m->n--;
	memmove(&m->blocks[i], &m->blocks[i + 1], (m->n - i) * sizeof(*m->blocks));
}

cudaError_t emu_memory_alloc_locked(struct emu_memory *m, enum emu_owner owner, size_t bytes,
				    size_t limit, void **out)
{
	cudaError_t err;
	void *ptr;

	if (on_device(owner) && (bytes > limit || m->device_bytes > limit - bytes))
		return cudaErrorMemoryAllocation;
	if (bytes > SIZE_MAX - ALIGN)
		return cudaErrorMemoryAllocation;
	ptr = aligned_alloc(ALIGN, (bytes + ALIGN - 1) / ALIGN * ALIGN);
	if (!ptr)
		return cudaErrorMemoryAllocation;
	err = block_add(m, ptr, bytes, owner);
	if (err) {
		free(ptr);
		return err;
	}
	if (on_device(owner))
		m->device_bytes += bytes;
	*out = ptr;
	return cudaSuccess;
}

cudaError_t emu_memory_register_locked(struct emu_memory *m, void *ptr, size_t bytes)
{
	uintptr_t start = (uintptr_t)ptr;
	size_t i = block_after(m, start);

	if (emu_memory_find_locked(m, ptr) || (i < m->n && bytes > m->blocks[i].start - start))
		return cudaErrorHostMemoryAlreadyRegistered;
	return block_add(m, ptr, bytes, EMU_REGISTERED);
}

/* The block that begins exactly at ptr, or n. */
static size_t block_at(const struct emu_memory *m, const void *ptr)
{
	size_t i = block_after(m, (uintptr_t)ptr);

	return i && m->blocks[i - 1].start == (uintptr_t)ptr ? i - 1 : m->n;
}

cudaError_t emu_memory_free_locked(struct emu_memory *m, void *ptr, bool device)
{
	size_t i = block_at(m, ptr);

	if (i == m->n)
		return cudaErrorInvalidValue;
	if (device ? !on_device(m->blocks[i].owner) : m->blocks[i].owner != EMU_PINNED)
		return cudaErrorInvalidValue;
	block_remove(m, i);
	free(ptr);
	return cudaSuccess;
}

cudaError_t emu_memory_unregister_locked(struct emu_memory *m, void *ptr)
{
	size_t i = block_at(m, ptr);

	if (i == m->n || m->blocks[i].owner != EMU_REGISTERED)
		return cudaErrorHostMemoryNotRegistered;
	block_remove(m, i);
	return cudaSuccess;
}

void emu_memory_reset_locked(struct emu_memory *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->blocks[i].owner != EMU_REGISTERED)
			free((void *)m->blocks[i].start);
	free(m->blocks);
	*m = (struct emu_memory){ 0 };
}
