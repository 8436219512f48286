/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Streams and ops: what runs after what. */
#include <sched.h>
#include <stdlib.h>
#include "emu.h"

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* The calling thread's per-thread default stream. */
static _Thread_local struct emu_stream *thread_stream;
static pthread_key_t thread_stream_key;
static pthread_once_t thread_stream_once = PTHREAD_ONCE_INIT;

struct emu_op *emu_op_new(enum emu_engine_id engine)
{
	struct emu_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->refs = 1;
	op->engine = engine;
	pthread_cond_init(&op->cond, NULL);
	return op;
}

struct emu_op *emu_op_get_locked(struct emu_op *op)
{
	op->refs++;
	return op;
}

/* What only a waiting or running op needs. */
static void op_strip_locked(struct emu_op *op)
{
	for (size_t i = 0; i < op->waits_n; i++)
		emu_op_put_locked(op->waits[i]);
	free(op->waits);
	free(op->args);
	free(op->staging);
	op->waits = NULL;
	op->waits_n = 0;
	op->args = op->staging = NULL;
}

void emu_op_put_locked(struct emu_op *op)
{
	if (!op || --op->refs)
		return;
	op_strip_locked(op);
	pthread_cond_destroy(&op->cond);
	free(op);
}

bool emu_op_over(const struct emu_op *op)
{
	return !op || (__atomic_load_n(&op->done, __ATOMIC_ACQUIRE) && emu_now_ns() >= op->end_ns);
}

int emu_op_wait_for_locked(struct emu_op *op, struct emu_op *other)
{
	struct emu_op **waits;

	if (emu_op_over(other))
		return 0;
	waits = realloc(op->waits, (op->waits_n + 1) * sizeof(*waits));
	if (!waits)
		return -1;
	op->waits = waits;
	op->waits[op->waits_n++] = emu_op_get_locked(other);
	return 0;
}

/* The legacy default stream waits for all blocking streams and they for it. */
static int default_stream_waits(struct emu_device *d, struct emu_stream *s, struct emu_op *op)
{
	if (!s->blocking)
		return 0;
	if (s != d->legacy)
		return emu_op_wait_for_locked(op, d->legacy->last);
	for (struct emu_stream *other = d->streams; other; other = other->next)
		if (other != s && other->blocking && emu_op_wait_for_locked(op, other->last))
			return -1;
	return 0;
}

cudaError_t emu_submit_locked(struct emu_device *d, struct emu_stream *s, struct emu_op *op)
{
	cudaError_t err;

	while (!s->capture && s->pending >= d->config.queue_ops && s->head)
		emu_wait_locked(d, s->head, false, false);
	if (s->capture)
		return emu_capture_op_locked(s, op);
	err = emu_capture_check_legacy_locked(d, s, true);
	if (err) {
		emu_op_put_locked(op);
		return err;
	}
	return emu_append_locked(d, s, op);
}

cudaError_t emu_append_locked(struct emu_device *d, struct emu_stream *s, struct emu_op *op)
{
	if (default_stream_waits(d, s, op)) {
		emu_op_put_locked(op);
		return cudaErrorMemoryAllocation;
	}
	op->submit_ns = emu_now_ns();
	op->stream = s;
	op->next = NULL;
	if (s->tail)
		s->tail->next = op;
	else
		s->head = op;
	s->tail = op;
	s->pending++;
	emu_op_put_locked(s->last);
	s->last = emu_op_get_locked(op);
	if (s->head == op)
		emu_advance_locked(d);
	return cudaSuccess;
}

static bool op_ready(const struct emu_op *op)
{
	for (size_t i = 0; i < op->waits_n; i++)
		if (!op->waits[i]->done)
			return false;
	return true;
}

static void op_finish_here(struct emu_stream *s, struct emu_op *op)
{
	uint64_t end = op->submit_ns > s->end_ns ? op->submit_ns : s->end_ns;

	for (size_t i = 0; i < op->waits_n; i++)
		if (end < op->waits[i]->end_ns)
			end = op->waits[i]->end_ns;
	op->end_ns = s->end_ns = end;
	__atomic_store_n(&op->done, true, __ATOMIC_RELEASE);
	if (op->sleepers)
		pthread_cond_broadcast(&op->cond);
}

/* Moves one stream on. true: something was finished, which may set others going. */
static bool stream_advance(struct emu_device *d, struct emu_stream *s)
{
	bool finished = false;

	while (s->head && !s->running) {
		struct emu_op *op = s->head;

		if (!op->done) {
			if (!op_ready(op))
				break;
			if (op->engine != ENGINE_NONE) {
				s->running = true;
				emu_engine_push_locked(d, op);
				break;
			}
			op_finish_here(s, op);
		}
		finished = true;
		s->head = op->next;
		if (!s->head)
			s->tail = NULL;
		s->pending--;
		op_strip_locked(op);
		emu_op_put_locked(op);
	}
	return finished;
}

void emu_advance_locked(struct emu_device *d)
{
	bool again = true;

	while (again) {
		again = false;
		for (struct emu_stream *s = d->streams; s; s = s->next)
			again |= stream_advance(d, s);
	}
}

static struct emu_stream *stream_unused(struct emu_device *d)
{
	for (struct emu_stream *s = d->streams; s; s = s->next)
		if (!s->live && !s->head && !s->capture)
			return s;
	return NULL;
}

struct emu_stream *emu_stream_new_locked(struct emu_device *d, bool blocking, int priority)
{
	struct emu_stream *s = stream_unused(d);

	/* Stream structures are never freed, only used again: an op may still point to one. */
	if (s) {
		emu_op_put_locked(s->last);
		s->last = NULL;
	} else {
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		s->next = d->streams;
		d->streams = s;
	}
	s->live = true;
	s->owner = 0;
	s->blocking = blocking;
	s->priority = priority;
	return s;
}

static void thread_stream_end(void *arg)
{
	struct emu_stream *s = arg;
	struct emu_device *d = emu_device_get();

	pthread_mutex_lock(&d->lock);
	if (s->owner == pthread_self())
		s->live = false;
	pthread_mutex_unlock(&d->lock);
}

static void thread_stream_init(void)
{
	pthread_key_create(&thread_stream_key, thread_stream_end);
}

static struct emu_stream *thread_stream_get(struct emu_device *d)
{
	struct emu_stream *s = thread_stream;

	/* After cudaDeviceReset the structure may belong to someone else. */
	if (s && s->live && s->owner == pthread_self())
		return s;
	pthread_once(&thread_stream_once, thread_stream_init);
	s = emu_stream_new_locked(d, true, 0);
	if (!s)
		return NULL;
	s->owner = pthread_self();
	pthread_setspecific(thread_stream_key, s);
	thread_stream = s;
	return s;
}

struct emu_stream *emu_stream_find_locked(struct emu_device *d, cudaStream_t handle)
{
	if (!handle || handle == cudaStreamLegacy)
		return d->legacy;
	if (handle == cudaStreamPerThread)
		return thread_stream_get(d);
	for (struct emu_stream *s = d->streams; s; s = s->next)
		if ((cudaStream_t)s == handle)
			return s->live && !s->owner && s != d->legacy ? s : NULL;
	return NULL;
}

cudaError_t emu_stream_enter(struct emu_device **d, cudaStream_t stream, struct emu_stream **s)
{
	cudaError_t err = emu_enter(d);

	if (err)
		return err;
	*s = emu_stream_find_locked(*d, stream);
	if (*s)
		return cudaSuccess;
	pthread_mutex_unlock(&(*d)->lock);
	return cudaErrorInvalidResourceHandle;
}

void emu_wait_locked(struct emu_device *d, struct emu_op *op, bool spin, bool yield)
{
	if (!op)
		return;
	emu_op_get_locked(op);
	if (!spin) {
		op->sleepers++;
		while (!op->done)
			pthread_cond_wait(&op->cond, &d->lock);
		op->sleepers--;
	}
	pthread_mutex_unlock(&d->lock);
	if (spin) {
		while (!emu_op_over(op)) {
			if (yield)
				sched_yield();
			else
				cpu_relax();
		}
	} else if (emu_now_ns() < op->end_ns) {
		emu_sleep_until(op->end_ns);
	}
	pthread_mutex_lock(&d->lock);
	emu_op_put_locked(op);
}

/* cudaDeviceScheduleAuto spins, as NVIDIA's does while there are no more contexts than CPUs. */
void emu_sync_locked(struct emu_device *d, struct emu_op *op)
{
	emu_wait_locked(d, op, !(d->flags & cudaDeviceScheduleBlockingSync),
			d->flags & cudaDeviceScheduleYield);
}
