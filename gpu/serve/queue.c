/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A first-in first-out queue of requests, closed when its last producer leaves. */
#include <errno.h>
#include <time.h>
#include "queue.h"

int queue_init(struct queue *q, unsigned int producers)
{
	pthread_condattr_t attr;
	int err;

	*q = (struct queue){ .producers = producers };
	err = pthread_condattr_init(&attr);
	if (err)
		return -err;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	err = pthread_cond_init(&q->filled, &attr);
	pthread_condattr_destroy(&attr);
	if (!err)
		err = pthread_mutex_init(&q->lock, NULL);
	return -err;
}

void queue_free(struct queue *q)
{
	while (q->head) {
		struct request *r = q->head;

		q->head = r->next;
		request_free(r);
	}
	pthread_mutex_destroy(&q->lock);
	pthread_cond_destroy(&q->filled);
}

void queue_push(struct queue *q, struct request *r)
{
	pthread_mutex_lock(&q->lock);
	r->next = NULL;
	if (q->tail)
		q->tail->next = r;
	else
		q->head = r;
	q->tail = r;
	q->n++;
	pthread_cond_signal(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

void queue_leave(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->producers--;
	pthread_cond_broadcast(&q->filled);
	pthread_mutex_unlock(&q->lock);
}

static bool wait_filled(struct queue *q, uint64_t until_ns)
{
	struct timespec ts = { (time_t)(until_ns / 1000000000ULL),
			       (long)(until_ns % 1000000000ULL) };

	if (!until_ns)
		return false;
	if (until_ns == QUEUE_FOREVER)
		return !pthread_cond_wait(&q->filled, &q->lock);
	return pthread_cond_timedwait(&q->filled, &q->lock, &ts) != ETIMEDOUT;
}

struct request *queue_pop(struct queue *q, uint64_t until_ns, bool *closed)
{
	struct request *r;

	pthread_mutex_lock(&q->lock);
	while (!q->head && q->producers && wait_filled(q, until_ns))
		;
	r = q->head;
	*closed = !r && !q->producers;
	if (r) {
		q->head = r->next;
		if (!q->head)
			q->tail = NULL;
		q->n--;
		r->next = NULL;
	}
	pthread_mutex_unlock(&q->lock);
	return r;
}

size_t queue_length(struct queue *q)
{
	size_t n;

	pthread_mutex_lock(&q->lock);
	n = q->n;
	pthread_mutex_unlock(&q->lock);
	return n;
}
