/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The modelled device's engines: threads emu-gpu/N that do the work and last as long as the model. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include "emu.h"

/* How far the work may be ahead of the modelled clock before the thread sleeps: a sleep for every
 * short kernel would cost more than the kernel. Nobody sees the difference (emu_op_over). */
#define AHEAD_NS 50000

uint64_t emu_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

void emu_sleep_until(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000ULL), (long)(ns % 1000000000ULL) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

void emu_call_last(const struct emu_device *d, uint64_t began_ns)
{
	while (emu_now_ns() < began_ns + d->config.call_ns)
		;
}

void emu_engine_push_locked(struct emu_device *d, struct emu_op *op)
{
	struct emu_engine *e = &d->engines[op->engine];
	struct emu_op **at = &e->queue;

	while (*at && (*at)->stream->priority <= op->stream->priority)
		at = &(*at)->queue_next;
	op->queue_next = *at;
	*at = op;
	if (e->idle)
		pthread_cond_signal(&e->cond);
}

/* A kernel that is handed anything but device memory ends the context, as on a GPU. */
static bool kernel_pointers_bad(const struct emu_device *d, const struct emu_op *op)
{
	for (const int *offset = op->body->pointers; *offset >= 0; offset++) {
		const void *ptr;

		memcpy(&ptr, (const char *)op->args + *offset, sizeof(ptr));
		if (!emu_memory_find_locked(&d->memory, ptr))
			return true;
	}
	return false;
}

static void copy_run(const struct emu_copy *c)
{
	for (size_t y = 0; y < c->height; y++) {
		if (c->src)
			memmove(c->dst + y * c->dst_pitch, c->src + y * c->src_pitch, c->width);
		else
			memset(c->dst + y * c->dst_pitch, c->value, c->width);
	}
}

static void op_run(const struct emu_op *op)
{
	if (op->body)
		op->body->run(op->args);
	else if (op->host_fn)
		op->host_fn(op->host_data);
	else if (!op->free_ptr)
		copy_run(&op->copy);
}

static uint64_t op_start_ns(const struct emu_device *d, const struct emu_op *op)
{
	uint64_t start = op->submit_ns + d->config.launch_ns;

	if (start < d->engines[op->engine].free_ns)
		start = d->engines[op->engine].free_ns;
	if (start < op->stream->end_ns)
		start = op->stream->end_ns;
	for (size_t i = 0; i < op->waits_n; i++)
		if (start < op->waits[i]->end_ns)
			start = op->waits[i]->end_ns;
	return start;
}

static void engine_sleep_locked(struct emu_device *d, uint64_t until_ns)
{
	if (emu_now_ns() >= until_ns)
		return;
	pthread_mutex_unlock(&d->lock);
	emu_sleep_until(until_ns);
	pthread_mutex_lock(&d->lock);
}

/* Runs one op; the lock is dropped while it works and while it sleeps. */
static void engine_step_locked(struct emu_device *d, struct emu_engine *e, struct emu_op *op)
{
	uint64_t start = op_start_ns(d, op), began, took, end;
	bool skip = d->sticky != cudaSuccess;

	if (!skip && op->body && kernel_pointers_bad(d, op)) {
		d->sticky = cudaErrorIllegalAddress;
		skip = true;
	}
	pthread_mutex_unlock(&d->lock);
	/* What the program can see without waiting for it must not happen early at all. */
	if (emu_now_ns() + (op->host_fn || op->free_ptr ? 0 : AHEAD_NS) < start)
		emu_sleep_until(start);
	began = emu_now_ns();
	if (!skip)
		op_run(op);
	took = emu_now_ns() - began;
	pthread_mutex_lock(&d->lock);
	if (op->free_ptr)
		emu_memory_free_locked(&d->memory, op->free_ptr, true);

	/* Work that takes longer here than on the modelled device does so on the device's clock too. */
	end = start + (op->lasts_ns > took ? op->lasts_ns : took);
	e->free_ns = end;
	/* What comes next is handed to its engine only when its time is near: it would hold that
	 * engine up, and other streams' work is due earlier. */
	if (end > emu_now_ns() + AHEAD_NS)
		engine_sleep_locked(d, end);
	op->end_ns = op->stream->end_ns = end;
	__atomic_store_n(&op->done, true, __ATOMIC_RELEASE);
	op->stream->running = false;
	emu_op_get_locked(op);
	emu_advance_locked(d);
	if (op->sleepers || !e->queue)
		engine_sleep_locked(d, end);
	if (op->sleepers)
		pthread_cond_broadcast(&op->cond);
	emu_op_put_locked(op);
}

struct engine_start {
	struct emu_device *device;
	int id;
};

static void *engine_main(void *arg)
{
	struct engine_start start = *(struct engine_start *)arg;
	struct emu_device *d = start.device;
	struct emu_engine *e = &d->engines[start.id];
	char name[16];

	free(arg);
	snprintf(name, sizeof(name), "emu-gpu/%d", start.id);
	pthread_setname_np(pthread_self(), name);
	/* The default slack lets every sleep end 50 us late. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	pthread_mutex_lock(&d->lock);
	for (;;) {
		struct emu_op *op = e->queue;

		if (!op) {
			e->idle = true;
			pthread_cond_wait(&e->cond, &d->lock);
			e->idle = false;
			continue;
		}
		e->queue = op->queue_next;
		engine_step_locked(d, e, op);
	}
	return NULL;
}

int emu_engines_start(struct emu_device *d)
{
	sigset_t all, old;
	int err = 0;

	/* Signals belong to the program's own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (int i = 0; i < ENGINES && !err; i++) {
		struct engine_start *start = malloc(sizeof(*start));

		if (!start) {
			err = ENOMEM;
			break;
		}
		*start = (struct engine_start){ d, i };
		pthread_cond_init(&d->engines[i].cond, NULL);
		err = pthread_create(&d->engines[i].thread, NULL, engine_main, start);
		if (err)
			free(start);
		else
			pthread_detach(d->engines[i].thread);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}
