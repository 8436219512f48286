/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>
#include "fake.h"

#define REGION ((size_t)64 << 30)
#define BLOCKS 4096

static struct {
	pthread_mutex_t lock;
	uint64_t next, end;
	struct {
		uint64_t address;
		size_t bytes;
		int used;
	} blocks[BLOCKS];
	size_t blocks_n;
} memory = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int fake_carry_out(const struct fake_plan *plan)
{
	/* The hook may change the plan. */
	const struct fake_plan p = *plan;
	struct timespec left = { .tv_sec = (time_t)(p.sleep_ns / 1000000000u),
				 .tv_nsec = (long)(p.sleep_ns % 1000000000u) };
	uint64_t end;

	if (p.hook)
		p.hook();
	end = now_ns() + p.spin_ns;
	while (p.spin_ns && now_ns() < end)
		;
	while (p.sleep_ns && nanosleep(&left, &left) != 0 && errno == EINTR)
		;
	return p.result;
}

static uint64_t take_known(size_t bytes)
{
	for (size_t i = 0; i < memory.blocks_n; i++) {
		if (!memory.blocks[i].used && memory.blocks[i].bytes == bytes) {
			memory.blocks[i].used = 1;
			return memory.blocks[i].address;
		}
	}
	return 0;
}

static uint64_t take_new(size_t bytes)
{
	size_t room = (bytes + 4095) & ~(size_t)4095;
	uint64_t address;
	void *region;

	if (!memory.next) {
		region = mmap(NULL, REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			      -1, 0);
		if (region == MAP_FAILED)
			return 0;
		memory.next = (uint64_t)(uintptr_t)region;
		memory.end = memory.next + REGION;
	}
	if (memory.blocks_n == BLOCKS || room > memory.end - memory.next)
		return 0;
	address = memory.next;
	memory.next += room;
	memory.blocks[memory.blocks_n].address = address;
	memory.blocks[memory.blocks_n].bytes = bytes;
	memory.blocks[memory.blocks_n++].used = 1;
	return address;
}

uint64_t fake_memory_take(size_t bytes)
{
	uint64_t address;

	if (bytes > (size_t)1 << 30)
		return 0;
	pthread_mutex_lock(&memory.lock);
	address = take_known(bytes);
	if (!address)
		address = take_new(bytes);
	pthread_mutex_unlock(&memory.lock);
	return address;
}

void fake_memory_give(uint64_t address)
{
	pthread_mutex_lock(&memory.lock);
	for (size_t i = 0; i < memory.blocks_n; i++)
		if (memory.blocks[i].address == address)
			memory.blocks[i].used = 0;
	pthread_mutex_unlock(&memory.lock);
}

void *fake_handle(void)
{
	static atomic_uint_least64_t next = 0x5fa000001000;

	return (void *)(uintptr_t)atomic_fetch_add(&next, 0x40);
}
