/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one device: made at the first call, gone with the process. */
#include <stdio.h>
#include <string.h>
#include "emu.h"

/* By this symbol a tracer tells the emulated runtime from NVIDIA's. */
EMU_API extern const char infbpf_emu_runtime[];
const char infbpf_emu_runtime[] = "infbpf emu " INFBPF_VERSION;

static struct emu_device device = { .lock = PTHREAD_MUTEX_INITIALIZER };
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local cudaError_t last_error;

static void forked(void)
{
	device.forked = true;
}

static void device_init(void)
{
	emu_config_read(&device.config);
	fprintf(stderr, "infbpf emu: emulated CUDA runtime on the CPU (%s), no GPU is used\n",
		infbpf_emu_runtime);
	pthread_atfork(NULL, NULL, forked);
	device.legacy = emu_stream_new_locked(&device, true, 0);
}

struct emu_device *emu_device_get(void)
{
	pthread_once(&once, device_init);
	return &device;
}

cudaError_t emu_leave(cudaError_t error)
{
	if (error != cudaSuccess && error != cudaErrorNotReady)
		last_error = error;
	return error;
}

cudaError_t emu_last_error(bool clear)
{
	cudaError_t error = last_error;

	if (clear)
		last_error = cudaSuccess;
	return error;
}

cudaError_t emu_enter(struct emu_device **out)
{
	struct emu_device *d = emu_device_get();
	cudaError_t err = cudaSuccess;

	*out = d;
	/* The lock may be held by a thread that did not survive the fork. */
	if (d->forked)
		return cudaErrorInitializationError;
	pthread_mutex_lock(&d->lock);
	if (!d->legacy)
		err = cudaErrorMemoryAllocation;
	else if (!d->config.devices)
		err = cudaErrorNoDevice;
	else if (d->sticky)
		err = d->sticky;
	else if (!d->started && emu_engines_start(d))
		err = cudaErrorInitializationError;
	else
		d->started = true;
	if (err)
		pthread_mutex_unlock(&d->lock);
	return err;
}

void emu_reset_locked(struct emu_device *d)
{
	emu_captures_free_locked(d);
	for (struct emu_stream *s = d->streams; s; s = s->next) {
		emu_wait_locked(d, s->last, false, false);
		if (s != d->legacy)
			s->live = false;
	}
	emu_events_free_locked(d);
	emu_graphs_free_locked(d);
	emu_memory_reset_locked(&d->memory);
	d->sticky = cudaSuccess;
	d->flags = 0;
}
