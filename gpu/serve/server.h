/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The server: one thread a stage, a queue between each two.
 *
 *   frontend -> tokenizer-N -> batcher -> executor -> detokenizer
 *
 * It ends in order: a stage ends when its queue is closed and empty, and closes the next one. On
 * stop (signal, --duration) the frontend makes no more requests, those that have not reached the
 * device are dropped and counted, those on the device are finished.
 */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "bpe.h"
#include "forward.h"
#include "latency.h"
#include "options.h"
#include "queue.h"
#include "spans.h"

/* Requests that may wait for a tokenizer; more are refused and counted. */
#define SERVER_MAX_WAITING 10000
/* Top two logits closer than this: another device might pick the other one. */
#define MARGIN_TOLERANCE 1e-4f

enum stage {
	STAGE_QUEUE, /* all waiting together; the stages sum to end to end */
	STAGE_TOKENISE,
	STAGE_PREFILL,
	STAGE_DECODE,
	STAGE_DETOKENISE,
	STAGE_REPLY,
	STAGE_END_TO_END,
	STAGES,
};

struct server_thread {
	char name[16];
	pthread_t thread;
	bool started;
	struct server *server;
	void (*run)(struct server *s);
	pid_t tid;
	uint64_t wall_ns, cpu_ns; /* set when it ends */
};
#define SERVER_MAX_THREADS 80

/* What the executor alone writes. */
struct executor_stats {
	uint64_t prefills, decodes; /* passes */
	uint64_t prefill_rows, decode_rows;
	uint64_t prefill_device_ns, decode_device_ns;
	uint64_t uncertain; /* tokens whose margin is below the tolerance */
};

/* What the detokenizer alone writes. */
struct answer_stats {
	uint64_t requests, tokens;
	uint64_t digest, certain_digest; /* sums over requests: order does not matter */
	float min_margin;
	struct latency stage[STAGES];
};

struct server {
	struct options options;
	const char *runtime; /* "emu" or "nvidia" */
	struct model model;
	struct forward forward;
	struct bpe *bpe;
	struct queue to_tokenise, to_batch, to_execute, to_detokenise;
	struct server_thread threads[SERVER_MAX_THREADS];
	unsigned int threads_n;

	bool stopping; /* atomic */
	bool failed;   /* atomic: a CUDA error; the server stops */
	int wake_fd;   /* eventfd: the main thread should look */
	int reply_fd;  /* where answers go: nobody reads them, /dev/null */
	uint64_t ready_ns, end_ns;
	uint64_t made, refused, dropped; /* dropped: atomic */

	struct cuda_counts counts;		/* since the process began */
	struct cuda_counts at_ready, at_window; /* copies */
	bool window;				/* SIGUSR1 came */
	struct spans spans;
	struct scenario scenario;
	struct executor_stats executor;
	struct answer_stats answers;
};

/* stages.c and executor.c: what the threads run. */
void frontend_run(struct server *s);
void tokenizer_run(struct server *s);
void batcher_run(struct server *s);
void executor_run(struct server *s);
void detokenizer_run(struct server *s);
extern const char *const frontend_words[]; /* NULL-ended: what prompts are made of */

/* server.c. Negative errno, said on stderr. */
int server_init(struct server *s); /* options and runtime are set */
int server_start(struct server *s);
void server_stop(struct server *s);
/* Joins the threads, frees what is on the device. */
void server_finish(struct server *s);
void server_free(struct server *s);
void server_drop(struct server *s, struct request *r);
static inline bool server_stopping(const struct server *s)
{
	return __atomic_load_n(&s->stopping, __ATOMIC_ACQUIRE);
}

/* stats_marks.c */
struct json_t;
struct json_t *stats_latency(const struct latency *l);
struct json_t *stats_marks(const struct span_counts *c);

/* stats.c: negative errno, said on stderr. */
int stats_write(const struct server *s, const char *path);
void stats_summary(const struct server *s);

/* runtime.c: finds which runtime stands behind the CUDA calls; may run the program anew on the
 * other one. Returns its name, or NULL: said on stderr. */
const char *runtime_choose(const struct options *o, struct cuda_counts *counts, char **argv);

#endif /* SERVE_SERVER_H */
