// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * libinfbpf-nvtx.so: NVTX ranges as marks that infbpf sees. A program that uses NVTX loads it by itself,
 * at its first NVTX call, if NVTX_INJECTION64_PATH names it.
 *
 * push and pop are stages: they nest in a thread. start and end may lie on different threads: their marks
 * are those of waits, with an id in the request's place that no request has; infbpf makes stages of them
 * that have a length alone.
 *
 * While nobody traces, a range costs a few ns: a look at a semaphore. A range that was open when the trace
 * began is left out.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "abi.h"
#include "marks.h"
#include "names.h"

__attribute__((section(".probes"))) volatile unsigned short infbpf_nvtx_stage_begin_semaphore;
__attribute__((section(".probes"))) volatile unsigned short infbpf_nvtx_stage_end_semaphore;
__attribute__((section(".probes"))) volatile unsigned short infbpf_nvtx_wait_begin_semaphore;
__attribute__((section(".probes"))) volatile unsigned short infbpf_nvtx_wait_end_semaphore;

/* Deeper ranges are counted, but have no marks. */
#define MAX_DEPTH 64
/* Started ranges whose names are kept, by id; an end that finds another one there has no mark. */
#define MAX_STARTED 4096
/* Above all that requests are numbered by: STAGE_RANGE_BIT of user/infbpf_stage.h. */
#define RANGE_ID_BIT (1ULL << 63)

/* The open ranges of a thread in a domain. */
struct open_ranges {
	struct open_ranges *next;
	const void *domain; /* NULL: the one without a name */
	unsigned int depth;
	char names[MAX_DEPTH][NAME_BYTES]; /* "": begun while nobody traced */
};

static pthread_key_t threads;
static bool threads_made;

static void free_ranges(void *arg)
{
	struct open_ranges *r = arg, *next;

	for (; r; r = next) {
		next = r->next;
		free(r);
	}
}

/* NULL: no memory. */
static struct open_ranges *ranges_of(const void *domain)
{
	struct open_ranges *first = threads_made ? pthread_getspecific(threads) : NULL, *r;

	for (r = first; r; r = r->next)
		if (r->domain == domain)
			return r;
	r = threads_made ? calloc(1, sizeof(*r)) : NULL;
	if (!r)
		return NULL;
	r->domain = domain;
	r->next = first;
	if (!pthread_setspecific(threads, r))
		return r;
	free(r);
	return NULL;
}

/* --- push and pop --- */

/* name: NULL where nobody traces. Returns the depth that it begins at, as NVTX has it. */
static int push(const void *domain, const char *name)
{
	struct open_ranges *r = ranges_of(domain);

	if (!r)
		return ABI_NO_PUSH_POP_TRACKING;
	if (r->depth < MAX_DEPTH) {
		r->names[r->depth][0] = '\0';
		if (name) {
			memcpy(r->names[r->depth], name, NAME_BYTES);
			MARK_2(stage_begin, name, 0);
		}
	}
	return (int)r->depth++;
}

static int pop(const void *domain)
{
	struct open_ranges *r = ranges_of(domain);
	const char *name;

	if (!r)
		return ABI_NO_PUSH_POP_TRACKING;
	if (!r->depth)
		return -1;
	r->depth--;
	name = r->depth < MAX_DEPTH ? r->names[r->depth] : "";
	if (*name && MARK_TRACED(stage_end))
		MARK_1(stage_end, name);
	return (int)r->depth;
}

static int push_event(const void *domain, const struct abi_event *e)
{
	char name[NAME_BYTES];

	if (!MARK_TRACED(stage_begin))
		return push(domain, NULL);
	name_of(name, e);
	return push(domain, *name ? name : NULL);
}

static int range_push_ex(const struct abi_event *e)
{
	return push_event(NULL, e);
}

static int range_push_a(const char *message)
{
	char name[NAME_BYTES];

	if (!MARK_TRACED(stage_begin))
		return push(NULL, NULL);
	name_ascii(name, message);
	return push(NULL, *name ? name : NULL);
}

static int range_push_w(const wchar_t *message)
{
	char name[NAME_BYTES];

	if (!MARK_TRACED(stage_begin))
		return push(NULL, NULL);
	name_unicode(name, message);
	return push(NULL, *name ? name : NULL);
}

static int range_pop(void)
{
	return pop(NULL);
}

/* --- start and end --- */

static uint64_t last_id;
static pthread_mutex_t started_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	uint64_t id; /* 0: free */
	char name[NAME_BYTES];
} started[MAX_STARTED];

static uint64_t start(const char *name)
{
	uint64_t id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	const size_t at = id % MAX_STARTED;

	if (!name)
		return id;
	pthread_mutex_lock(&started_lock);
	started[at].id = id;
	memcpy(started[at].name, name, NAME_BYTES);
	pthread_mutex_unlock(&started_lock);
	MARK_2(wait_begin, name, id | RANGE_ID_BIT);
	return id;
}

static uint64_t start_event(const struct abi_event *e)
{
	char name[NAME_BYTES];

	if (!MARK_TRACED(wait_begin))
		return start(NULL);
	name_of(name, e);
	return start(*name ? name : NULL);
}

static uint64_t domain_range_start_ex(const void *domain, const struct abi_event *e)
{
	(void)domain;
	return start_event(e);
}

static uint64_t range_start_a(const char *message)
{
	char name[NAME_BYTES];

	if (!MARK_TRACED(wait_begin))
		return start(NULL);
	name_ascii(name, message);
	return start(*name ? name : NULL);
}

static uint64_t range_start_w(const wchar_t *message)
{
	char name[NAME_BYTES];

	if (!MARK_TRACED(wait_begin))
		return start(NULL);
	name_unicode(name, message);
	return start(*name ? name : NULL);
}

static void range_end(uint64_t id)
{
	const size_t at = id % MAX_STARTED;
	char name[NAME_BYTES] = "";

	if (!MARK_TRACED(wait_end))
		return;
	pthread_mutex_lock(&started_lock);
	if (started[at].id == id && id) {
		memcpy(name, started[at].name, NAME_BYTES);
		started[at].id = 0;
	}
	pthread_mutex_unlock(&started_lock);
	if (*name)
		MARK_2(wait_end, name, id | RANGE_ID_BIT);
}

static void domain_range_end(const void *domain, uint64_t id)
{
	(void)domain;
	range_end(id);
}

/* --- domains and strings --- */

static int domain_range_push_ex(const void *domain, const struct abi_event *e)
{
	return push_event(domain, e);
}

static int domain_range_pop(const void *domain)
{
	return pop(domain);
}

static const void *register_string_a(const void *domain, const char *text)
{
	char name[NAME_BYTES];

	(void)domain;
	name_ascii(name, text);
	return name_register(name);
}

static const void *register_string_w(const void *domain, const wchar_t *text)
{
	char name[NAME_BYTES];

	(void)domain;
	name_unicode(name, text);
	return name_register(name);
}

/* A domain only tells one stack of ranges from another: one of equal names is as good as two. */
static const void *domain_create_a(const char *text)
{
	return register_string_a(NULL, text);
}

static const void *domain_create_w(const wchar_t *text)
{
	return register_string_w(NULL, text);
}

/* --- the way in --- */

struct row {
	unsigned int id;
	abi_function function;
};

#define ROW(id, function)                  \
	{                                  \
		id, (abi_function)function \
	}
static const struct row core[] = {
	ROW(ABI_RANGE_START_EX, start_event),  ROW(ABI_RANGE_START_A, range_start_a),
	ROW(ABI_RANGE_START_W, range_start_w), ROW(ABI_RANGE_END, range_end),
	ROW(ABI_RANGE_PUSH_EX, range_push_ex), ROW(ABI_RANGE_PUSH_A, range_push_a),
	ROW(ABI_RANGE_PUSH_W, range_push_w),   ROW(ABI_RANGE_POP, range_pop),
};
static const struct row core2[] = {
	ROW(ABI_DOMAIN_RANGE_START_EX, domain_range_start_ex),
	ROW(ABI_DOMAIN_RANGE_END, domain_range_end),
	ROW(ABI_DOMAIN_RANGE_PUSH_EX, domain_range_push_ex),
	ROW(ABI_DOMAIN_RANGE_POP, domain_range_pop),
	ROW(ABI_DOMAIN_REGISTER_STRING_A, register_string_a),
	ROW(ABI_DOMAIN_REGISTER_STRING_W, register_string_w),
	ROW(ABI_DOMAIN_CREATE_A, domain_create_a),
	ROW(ABI_DOMAIN_CREATE_W, domain_create_w),
};

static bool fill(const struct abi_callbacks *callbacks, uint32_t module, const struct row *rows,
		 size_t n)
{
	abi_function **table = NULL;
	unsigned int size = 0;

	if (!callbacks->functions(module, &table, &size) || !table)
		return false;
	for (size_t i = 0; i < n; i++)
		if (rows[i].id < size && table[rows[i].id])
			*table[rows[i].id] = rows[i].function;
	return true;
}

static void make_threads(void)
{
	threads_made = !pthread_key_create(&threads, free_ranges);
}

/* Called once by each copy of NVTX in the process, at its first call. 0: as if there were no library. */
__attribute__((visibility("default"))) int InitializeInjectionNvtx2(abi_export_table_fn table);
int InitializeInjectionNvtx2(abi_export_table_fn table)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const struct abi_callbacks *callbacks = table ? table(ABI_TABLE_CALLBACKS) : NULL;

	if (!callbacks || callbacks->size < sizeof(*callbacks) || !callbacks->functions)
		return 0;
	pthread_once(&once, make_threads);
	if (!fill(callbacks, ABI_CORE, core, sizeof(core) / sizeof(core[0])))
		return 0;
	fill(callbacks, ABI_CORE2, core2, sizeof(core2) / sizeof(core2[0]));
	return 1;
}
