// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The scheduler's records and maps: who had the CPU, who woke whom, what every CPU did. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "clock.h"
#include "collect_private.h"
#include "symbols/symbols.h"

/* Pairs of sleeper and waker: 6 MiB. Beyond, the wakers are not told. */
#define WAKERS_MAX 65536

/* --- who had the CPU --- */

static int add_steal(struct collect *c, const struct steal_key *key, const struct steal_rec *r)
{
	char comm[INFBPF_COMM + 1] = "";
	struct profile_steal s = {
		.pid = key->tgid,
		.by_pid = key->by_tgid,
		.by_kthread = key->how & STEAL_KTHREAD,
		.behind = key->how & STEAL_BEHIND,
		.waits = r->waits,
		.wall_ns = r->ns,
	};

	if (!r->waits)
		return 0;
	memcpy(comm, key->by_comm, sizeof(key->by_comm));
	s.by_comm = key->how ? comm : NULL;
	return profile_add_steal(c->profile, &s);
}

int collect_thread_steals(struct collect *c, const struct rec_thread *r, struct profile_thread *t)
{
	const struct steal_slot *most = NULL;
	char comm[INFBPF_COMM + 1] = "";
	int err = 0;

	for (int i = 0; i < STEAL_SLOTS && !err; i++) {
		const struct steal_slot *slot = &r->steals[i];
		struct steal_key key = { .tgid = r->tgid,
					 .by_tgid = slot->by_tgid,
					 .how = slot->how };

		if (slot->how & STEAL_PREEMPTED && slot->ns && (!most || slot->ns > most->ns))
			most = slot;
		memcpy(key.by_comm, slot->by_comm, sizeof(key.by_comm));
		err = add_steal(c, &key,
				&(struct steal_rec){ .ns = slot->ns, .waits = slot->waits });
	}
	if (err || !most)
		return err;
	memcpy(comm, most->by_comm, sizeof(most->by_comm));
	t->stolen_by = profile_string(c->profile, comm);
	t->stolen_ns = most->ns;
	return t->stolen_by ? 0 : -ENOMEM;
}

static int on_steal_entry(struct collect *c, void *k, void *v)
{
	return add_steal(c, k, v);
}

int collect_steals(struct collect *c, int map_fd)
{
	struct steal_rec value;
	struct steal_key key;

	return collect_each(c, map_fd, -1, &key, &value, on_steal_entry);
}

int collect_steals_prepare(int map_fd)
{
	const struct steal_key key = { 0 };
	const struct steal_rec rec = { 0 };

	return bpf_map_update_elem(map_fd, &key, &rec, BPF_ANY) ? -errno : 0;
}

/* --- who woke --- */

struct waker_key {
	uint64_t serial; /* of the sleeper */
	struct waker waker;
};

struct waker_row {
	struct waker_key key;
	uint64_t weight_ns;
};

static bool waker_equal(const void *array, uint32_t position, const void *key)
{
	const struct waker_row *rows = array;

	return !memcmp(&rows[position].key, key, sizeof(struct waker_key));
}

/* The row of sleeper and waker, made on first use. HASH_INDEX_NONE: there are too many, or no memory. */
static uint32_t waker_row(struct collect_wakers *w, uint64_t serial, const struct waker *waker)
{
	struct waker_key key = { .serial = serial };
	uint64_t hash;
	uint32_t at;

	if (waker->flags & WAKER_KNOWN) {
		key.waker = *waker;
		key.waker.pad = 0;
		/* The idle task of each CPU has a name of its own. */
		if (!waker->tid)
			memset(key.waker.comm, 0, sizeof(key.waker.comm));
	}
	hash = hash_bytes(&key, sizeof(key));
	at = hash_index_find(&w->index, hash, waker_equal, w->rows, &key);
	if (at != HASH_INDEX_NONE)
		return at;
	if (w->n == WAKERS_MAX || array_grow(&w->rows, &w->cap, w->n + 1, sizeof(*w->rows)) ||
	    hash_index_add(&w->index, hash, (uint32_t)w->n))
		return HASH_INDEX_NONE;
	w->rows[w->n] = (struct waker_row){ .key = key };
	return (uint32_t)w->n++;
}

void collect_waker(struct collect *c, uint64_t serial, const struct waker *waker,
		   uint64_t blocked_ns)
{
	uint32_t at = blocked_ns ? waker_row(&c->wakers, serial, waker) : HASH_INDEX_NONE;

	if (at != HASH_INDEX_NONE)
		c->wakers.rows[at].weight_ns += blocked_ns;
}

/* The same stack may wake several threads: the pair's row stands in the key, and its time in a table of
 * its own. */
int collect_waker_stack(struct collect *c, const struct rec_sample *s,
			const struct collect_stack *user)
{
	const uint64_t *kernel = (const uint64_t *)(s + 1);
	uint32_t locations[COLLECT_FRAMES_MAX];
	struct stack_key key = { 0 };
	struct stack_entry *e = NULL;
	size_t n = user->n;
	uint32_t at = waker_row(&c->waker_pairs, s->serial, &s->waker);

	memcpy(locations, user->locations, n * sizeof(*locations));
	for (size_t i = 0; i < s->kernel_n; i++)
		locations[n++] =
			symbols_kernel_location(c->walk.symbols, kernel[s->kernel_n - 1 - i]);
	key.user_n = user->n;
	key.frames_n = n;
	key.serial = at;
	if (at != HASH_INDEX_NONE)
		e = stacks_get(&c->waker_stacks, &key, locations);
	if (!e) {
		c->lost++;
		return 0;
	}
	e->weight_ns[PROFILE_BLOCKED] += s->blocked_ns;
	return 0;
}

static int add_waker(struct collect *c, const struct waker_row *row, uint64_t weight_ns,
		     const char *const *frames, size_t frames_n, size_t user_n)
{
	const struct waker *waker = &row->key.waker;
	char comm[INFBPF_COMM + 1] = "";
	struct profile_waker w = {
		.serial = row->key.serial,
		.known = waker->flags & WAKER_KNOWN,
		.by_pid = waker->tgid,
		.by_tid = waker->tid,
		.by_comm = waker->tid ? comm : "swapper",
		.by_interrupt = waker->flags & WAKER_INTERRUPT,
		.by_kthread = waker->flags & WAKER_KTHREAD,
		.frames = frames,
		.frames_n = frames_n,
		.user_n = user_n,
		.blocked_ns = weight_ns,
	};

	memcpy(comm, waker->comm, sizeof(waker->comm));
	return frames ? profile_add_waker_stack(c->profile, &w) : profile_add_waker(c->profile, &w);
}

static int add_waker_stack(struct collect *c, const struct stack_entry *e, const char **frames)
{
	const struct stack_key *key = &e->key;
	size_t user_n, n;

	user_n = collect_name_frames(c, e->locations, key->user_n, frames, COLLECT_FRAMES_MAX);
	n = user_n + collect_name_frames(c, e->locations + key->user_n, key->frames_n - key->user_n,
					 frames + user_n, COLLECT_FRAMES_MAX - user_n);
	return add_waker(c, &c->waker_pairs.rows[key->serial], e->weight_ns[PROFILE_BLOCKED],
			 frames, n, user_n);
}

int collect_wakers(struct collect *c, const char **frames)
{
	int err = 0;

	for (size_t i = 0; i < c->wakers.n && !err; i++)
		err = add_waker(c, &c->wakers.rows[i], c->wakers.rows[i].weight_ns, NULL, 0, 0);
	for (size_t i = 0; i < c->waker_stacks.slots_n && !err; i++)
		if (c->waker_stacks.slots[i])
			err = add_waker_stack(c, c->waker_stacks.slots[i], frames);
	return err;
}

void collect_sched_free(struct collect *c)
{
	struct collect_wakers *const both[] = { &c->wakers, &c->waker_pairs };

	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++) {
		hash_index_free(&both[i]->index);
		free(both[i]->rows);
	}
	stacks_free(&c->waker_stacks);
	free(c->steal_begin);
}

/* --- CPUs --- */

/* Stolen time of every CPU since the machine's start, in ns; PROFILE_UNKNOWN: no such CPU now, or the
 * kernel does not tell. The kernel counts in ticks of USER_HZ. */
static int read_steal(uint64_t *ns, int cpus)
{
	FILE *f = fopen("/proc/stat", "re");
	const uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
	char line[512];
	uint64_t steal;
	int cpu;

	for (int i = 0; i < cpus; i++)
		ns[i] = PROFILE_UNKNOWN;
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "cpu%d %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &cpu, &steal) == 2 &&
		    cpu >= 0 && cpu < cpus)
			ns[cpu] = steal * tick_ns;
	fclose(f);
	return 0;
}

int collect_cpus_forget(int map_fd)
{
	int cpus = libbpf_num_possible_cpus(), err;
	struct cpu_state *states;
	__u32 zero = 0;

	if (cpus < 0)
		return cpus;
	states = calloc(cpus, sizeof(*states));
	if (!states)
		return -ENOMEM;
	err = bpf_map_update_elem(map_fd, &zero, states, BPF_ANY) ? -errno : 0;
	free(states);
	return err;
}

int collect_cpus_begin(struct collect *c)
{
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 0)
		return cpus;
	free(c->steal_begin);
	c->steal_begin = calloc(cpus, sizeof(*c->steal_begin));
	if (!c->steal_begin)
		return -ENOMEM;
	/* Without /proc/stat the stolen time is not known. */
	read_steal(c->steal_begin, cpus);
	return 0;
}

/* The interval that is open is closed at the window's end. */
static int add_cpu(struct collect *c, uint32_t cpu, const struct cpu_state *s, uint64_t stolen_end)
{
	const uint64_t begin = c->options.t_begin_ns, end = c->options.t_end_ns;
	const uint64_t since = s->since_ns > begin ? s->since_ns : begin;
	const uint64_t rest = end > since ? end - since : 0, stolen_begin = c->steal_begin[cpu];
	struct profile_cpu row = { .cpu = cpu };
	const bool known = s->class != CPU_UNKNOWN;

	if (stolen_begin == PROFILE_UNKNOWN && stolen_end == PROFILE_UNKNOWN && !s->since_ns)
		return 0; /* was never there */
	row.busy_ns = s->busy_ns + (s->class >= CPU_OTHER ? rest : 0);
	row.target_ns = s->target_ns + (s->class == CPU_TARGET ? rest : 0);
	row.idle_ns = end - begin - row.busy_ns;
	row.steal_ns = stolen_begin == PROFILE_UNKNOWN || stolen_end == PROFILE_UNKNOWN ||
				       stolen_end < stolen_begin
			       ? PROFILE_UNKNOWN
			       : stolen_end - stolen_begin;
	if (!known)
		row.busy_ns = row.target_ns = row.idle_ns = PROFILE_UNKNOWN;
	return profile_add_cpu(c->profile, &row);
}

int collect_cpus(struct collect *c, int map_fd)
{
	int cpus = libbpf_num_possible_cpus(), err = -ENOMEM;
	struct cpu_state *states, *again;
	uint64_t *steal;
	__u32 zero = 0;

	if (cpus < 0)
		return cpus;
	states = calloc(cpus, sizeof(*states));
	again = calloc(cpus, sizeof(*again));
	steal = calloc(cpus, sizeof(*steal));
	if (!states || !again || !steal || !c->steal_begin)
		goto out;
	read_steal(steal, cpus);
	/* A CPU's first switch after the window's end books its last interval, just now perhaps. */
	for (int tries = 0; tries < 10; tries++) {
		err = bpf_map_lookup_elem(map_fd, &zero, states) ||
				      bpf_map_lookup_elem(map_fd, &zero, again)
			      ? -errno
			      : 0;
		if (err || !memcmp(states, again, cpus * sizeof(*states)))
			break;
	}
	for (int cpu = 0; cpu < cpus && !err; cpu++)
		err = add_cpu(c, cpu, &again[cpu], steal[cpu]);
out:
	free(states);
	free(again);
	free(steal);
	return err;
}
