/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The queues between the server's threads. */
#ifndef SERVE_QUEUE_H
#define SERVE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "request.h"

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	struct request *head, *tail;
	size_t n;
	unsigned int producers; /* the last one to leave closes the queue */
};

#define QUEUE_FOREVER UINT64_MAX

int queue_init(struct queue *q, unsigned int producers);
void queue_free(struct queue *q);
void queue_push(struct queue *q, struct request *r);
void queue_leave(struct queue *q);
/* Waits until CLOCK_MONOTONIC until_ns (0: not at all). NULL: nothing came, or the queue is closed
 * and empty (*closed). */
struct request *queue_pop(struct queue *q, uint64_t until_ns, bool *closed);
size_t queue_length(struct queue *q);

#endif /* SERVE_QUEUE_H */
