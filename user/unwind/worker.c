// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The thread that builds indexes. It reads files and owns its jobs' results until they are
 * collected; all other state belongs to the walking thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include "private.h"

struct job {
	struct job *next;
	struct section section;
	bool compressed, done;
	size_t max_bytes;
	struct fde_index index;
	uint8_t *data;
	size_t data_n;
};

struct worker {
	pthread_t thread;
	pthread_mutex_t lock; /* of the queue, and of done */
	pthread_cond_t more, finished;
	struct job *first, *last;
	bool stop, started;
};

static void run_job(struct job *j, const bool *stop)
{
	if (j->compressed) {
		if (index_inflate(&j->section, j->max_bytes, &j->data, &j->data_n, stop))
			return;
		j->section.data = j->data;
		j->section.size = j->data_n;
	}
	/* No index: as if the section were empty. */
	index_build(&j->index, &j->section, j->max_bytes, stop);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		struct job *j = w->first;

		if (!j) {
			pthread_cond_wait(&w->more, &w->lock);
			continue;
		}
		w->first = j->next;
		pthread_mutex_unlock(&w->lock);
		run_job(j, &w->stop);
		pthread_mutex_lock(&w->lock);
		j->done = true;
		pthread_cond_broadcast(&w->finished);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int worker_open(struct worker **out)
{
	struct worker *w = calloc(1, sizeof(*w));

	*out = w;
	if (!w)
		return -ENOMEM;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	pthread_cond_init(&w->finished, NULL);
	return 0;
}

/* Most traces never need it, so it begins with the first job. Signals are for the other thread. */
static int start(struct worker *w)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->started = !err;
	return -err;
}

static void job_free(struct job *j)
{
	if (!j)
		return;
	free(j->index.entry);
	free(j->data);
	free(j);
}

void worker_close(struct worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	if (w->started)
		pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->more);
	pthread_cond_destroy(&w->finished);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int worker_ask(struct worker *w, struct source *s, size_t max_bytes)
{
	struct job *j;

	if (!w->started) {
		int err = start(w);

		if (err)
			return err;
	}
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->section = s->section;
	j->compressed = s->compressed;
	j->max_bytes = max_bytes;
	s->job = j;
	s->state = SOURCE_BUILDS;
	pthread_mutex_lock(&w->lock);
	if (w->first)
		w->last->next = j;
	else
		w->first = j;
	w->last = j;
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	return 0;
}

bool worker_collect(struct worker *w, struct source *s, bool wait)
{
	struct job *j = s->job;
	bool done;

	pthread_mutex_lock(&w->lock);
	while (wait && !j->done)
		pthread_cond_wait(&w->finished, &w->lock);
	done = j->done;
	pthread_mutex_unlock(&w->lock);
	if (!done)
		return false;
	s->section.data = s->data = j->data;
	if (j->data)
		s->section.size = j->data_n;
	s->index = j->index;
	s->state = SOURCE_INDEX;
	s->job = NULL;
	free(j);
	return true;
}

void worker_abandon(struct source *s)
{
	job_free(s->job);
	s->job = NULL;
}
