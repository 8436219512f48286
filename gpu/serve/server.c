/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The server's life: what is made, in which order, and undone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "server.h"

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

void request_free(struct request *r)
{
	if (r)
		free(r->answer);
	free(r);
}

void server_drop(struct server *s, struct request *r)
{
	__atomic_fetch_add(&s->dropped, 1, __ATOMIC_RELAXED);
	request_drop(&s->spans, r);
	request_free(r);
}

/* The tokenizer learns from what the prompts are made of. */
static int tokenizer_init(struct server *s)
{
	char text[4096];
	size_t at = 0;

	s->bpe = malloc(sizeof(*s->bpe));
	if (!s->bpe)
		return -ENOMEM;
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; frontend_words[i]; i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, " %s",
					       frontend_words[i]);
	return bpe_train(s->bpe, text, s->model.size.vocab);
}

static int device_init(struct server *s)
{
	struct cuda_counts *c = &s->counts;
	const struct options *o = &s->options;
	/* Rows that only pad write to a slot of their own. */
	unsigned int slots = o->max_batch + (o->plant.pad_tokens ? 1 : 0);
	int fd, err;

	fd = weights_open(o->weights, model_names[o->model], &s->model.size, o->seed);
	if (fd < 0)
		return fd;
	/* Flags first: they belong to a context that does not exist yet. */
	err = CUDA(c, cudaSetDeviceFlags,
		   o->spin ? cudaDeviceScheduleSpin : cudaDeviceScheduleBlockingSync);
	if (!err)
		err = CUDA(c, cudaSetDevice, 0);
	kernels_init();
	if (!err)
		err = model_load(&s->model, c, fd, o->pinned);
	if (!err)
		err = forward_init(&s->forward, &s->model, c,
				   &(struct forward_options){ .spans = &s->spans,
							      .plant = &o->plant,
							      .slots = slots,
							      .pinned = o->pinned,
							      .spin = o->spin,
							      .graphs = o->graphs });
	close(fd);
	return err;
}

static int host_init(struct server *s)
{
	int err;

	s->model.size = model_sizes[s->options.model];
	s->answers.min_margin = 1e30f;
	spans_init(&s->spans);
	s->wake_fd = eventfd(0, EFD_CLOEXEC);
	s->reply_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (s->wake_fd < 0 || s->reply_fd < 0)
		return -errno;
	err = queue_init(&s->to_tokenise, 1);
	if (!err)
		err = queue_init(&s->to_batch, s->options.tokenizers);
	if (!err)
		err = queue_init(&s->to_execute, 1);
	if (!err)
		err = queue_init(&s->to_detokenise, 1);
	if (!err)
		err = tokenizer_init(s);
	return err;
}

int server_init(struct server *s)
{
	int err = host_init(s);

	if (err) {
		fprintf(stderr, "infer-serve: cannot start: %s\n", strerror(-err));
		return err;
	}
	err = scenario_start(s);
	return err ? err : device_init(s);
}

static void *thread_main(void *arg)
{
	struct server_thread *t = arg;
	struct timespec cpu;
	uint64_t begin = clock_ns();

	pthread_setname_np(pthread_self(), t->name);
	t->tid = (pid_t)syscall(SYS_gettid);
	scenario_thread(t->server, t->run == executor_run   ? ROLE_EXECUTOR
				   : t->run == frontend_run ? ROLE_LOAD
							    : ROLE_OTHER);
	t->run(t->server);
	t->wall_ns = clock_ns() - begin;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	t->cpu_ns = (uint64_t)cpu.tv_sec * 1000000000ULL + (uint64_t)cpu.tv_nsec;
	return NULL;
}

static int thread_start(struct server *s, void (*run)(struct server *s), const char *name, int n)
{
	struct server_thread *t = &s->threads[s->threads_n];
	int err;

	*t = (struct server_thread){ .server = s, .run = run };
	if (n < 0)
		snprintf(t->name, sizeof(t->name), "%s", name);
	else
		snprintf(t->name, sizeof(t->name), "%s-%d", name, n);
	err = pthread_create(&t->thread, NULL, thread_main, t);
	if (err)
		fprintf(stderr, "infer-serve: cannot start thread %s: %s\n", t->name,
			strerror(err));
	else
		s->threads_n++;
	return -err;
}

/* Last stage first: a stage never waits for one that is not there. The frontend begins the load. */
int server_start(struct server *s)
{
	int err;

	s->ready_ns = clock_ns();
	cuda_counts_read(&s->counts, &s->at_ready);
	s->at_window = s->at_ready;
	err = thread_start(s, detokenizer_run, "detokenizer", -1);
	if (!err)
		err = thread_start(s, executor_run, "executor", -1);
	if (!err)
		err = thread_start(s, batcher_run, "batcher", -1);
	for (unsigned int i = 0; i < s->options.tokenizers && !err; i++)
		err = thread_start(s, tokenizer_run, "tokenizer", (int)i);
	if (!err)
		err = thread_start(s, frontend_run, "frontend", -1);
	return err;
}

void server_stop(struct server *s)
{
	__atomic_store_n(&s->stopping, true, __ATOMIC_RELEASE);
}

void server_finish(struct server *s)
{
	for (unsigned int i = 0; i < s->threads_n; i++)
		pthread_join(s->threads[i].thread, NULL);
	s->end_ns = clock_ns();
	scenario_stop(s);
	forward_free(&s->forward);
	model_free(&s->model, &s->counts);
}

void server_free(struct server *s)
{
	queue_free(&s->to_tokenise);
	queue_free(&s->to_batch);
	queue_free(&s->to_execute);
	queue_free(&s->to_detokenise);
	free(s->bpe);
	close(s->wake_fd);
	close(s->reply_fd);
}
