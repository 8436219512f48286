/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * --scenario: a server with one bottleneck that is known, because it was planted. What a verdict is
 * held against. Each is the real thing (a competitor does compute, a disk is read), of a magnitude
 * that can be chosen; the tokens stay the same.
 */
#ifndef SERVE_SCENARIO_H
#define SERVE_SCENARIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct server;
struct request;
struct options;

/* What is planted: a scenario's magnitude in its field, 0 in the others. */
struct plant {
	double window_ms;     /* batch-wait: its option does it all */
	double competitors;   /* cpu-steal: processes that compute on the executor's CPU */
	double quota_percent; /* cgroup-throttle: of a CPU */
	double lock_ms;	      /* lock: how long housekeeping holds it */
	double adapter_mib;   /* slow-disk: read for each request */
	double net_ms;	      /* slow-net: what the remote tokeniser takes */
	double copies;	      /* small-copies: a pass */
	double pageable_mib;  /* pageable-copies: a pass */
	double pieces;	      /* tiny-kernels: launches for a row of a product */
	double sync_percent;  /* sync-each-op: of launches, those that are waited for */
	double spin_ms;	      /* spin-sync: further work of the device a pass */
	double allocs;	      /* alloc-churn: a pass */
	double kernel_ms;     /* gpu-bound: further work of the device a pass */
	double pad_tokens;    /* padding: rows that a prompt is padded to */
	double tokenise_ms;   /* slow-tokenise: CPU time a request */
};

#define SCENARIO_CHILDREN 32

/* What a scenario has open while the server runs. */
struct scenario {
	bool started;
	pid_t child[SCENARIO_CHILDREN]; /* competitors, the remote tokeniser */
	int child_n;
	int cpu; /* that the executor is pinned to, -1: none */

	char cgroup[4096];	    /* made by us; "": none */
	const char *cgroup_threads; /* its file of threads */
	char cgroup_parent[4096];   /* where we turned the controller on, "": nowhere */

	pthread_mutex_t cache; /* lock: tokenizers and executor look up, housekeeping stays long */
	pthread_t housekeeper;
	bool housekeeping, stop; /* stop: atomic */

	int adapters_fd;
	bool adapters_cached; /* O_DIRECT is not to be had: pages are dropped after each read */

	int remote_port;
};

/* scenario.c: the table. 0, 1 (printed the list), or -1 (said on stderr). */
int scenario_parse(struct options *o, const char *text);
/* Once all options are known. */
int scenario_apply(struct options *o);
void scenario_help(FILE *to);

/* scenario_run.c. scenario_start: before there are threads and CUDA calls; negative errno, said on
 * stderr. */
int scenario_start(struct server *s);
void scenario_stop(struct server *s);
/* By each of the server's own threads as it begins. Those of the CUDA runtime are not touched, nor the
 * one that makes the requests: clients are elsewhere. */
enum scenario_role { ROLE_OTHER, ROLE_EXECUTOR, ROLE_LOAD };
void scenario_thread(struct server *s, enum scenario_role role);
/* By a tokenizer, in the request's stage: encodes it, with what is planted there. Negative errno. */
int32_t scenario_tokenise(struct server *s, struct request *r);
/* By the executor, in a prefill pass. */
void scenario_prefill(struct server *s);

/* scenario_host.c. A child process with a name of its own that ends with the server; 0 in the child. */
pid_t scenario_fork(struct scenario *c, const char *name);
void children_end(struct scenario *c);
int competitors_start(struct scenario *c, int n);

/* scenario_cgroup.c: a cgroup of ours for the server's own threads. */
int cgroup_make(struct scenario *c, double percent);
int cgroup_join(const struct scenario *c);
void cgroup_remove(struct scenario *c);

/* scenario_io.c */
int adapters_make(struct scenario *c, uint64_t seed);
int adapter_read(const struct scenario *c, uint64_t request, double mib);
int remote_start(struct server *s);
/* The number of tokens, or negative errno. */
int32_t remote_encode(const struct scenario *c, const char *text, int32_t *token, int32_t room);

#endif /* SERVE_SCENARIO_H */
