// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Debug files over the network, if DEBUGINFOD_URLS names servers: asked for in the background from a
 * file's first hit on. What has not come when names are wanted is waited for, but only WAIT_NS in all.
 *
 * libdebuginfod is loaded when it is first needed: few hosts have it, it brings a dozen libraries
 * along, and a static infbpf cannot load it at all. The threads are not joined: one that hangs in the
 * network must not keep infbpf from ending.
 */
#define _GNU_SOURCE
#include "private.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../clock.h"
#include "../fault.h"

#define WAIT_NS	     3000000000ull
#define END_NS	     1500000000ull /* for threads to notice that all is over; they look each second */
#define THREADS_MAX  4		   /* one server that hangs does not stop the others */
#define REQUESTS_MAX 1024
#define BYTES_MAX    (2048ll * 1024 * 1024) /* of one file */

struct debuginfod_request {
	struct debuginfod_request *next;
	bool done;
	int fd; /* negative errno: did not come */
	char build_id[];
};

struct debuginfod {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int references; /* the owner's and one a thread; the last frees */
	unsigned int threads, idle;
	bool stopping;
	bool told; /* that it cannot be used */
	uint64_t waited_ns;
	size_t requests_n;
	struct debuginfod_request *requests, **end, *next; /* next: to be fetched */
};

/* elfutils/debuginfod.h, as far as it is used. */
struct client;
struct library {
	struct client *(*begin)(void);
	int (*find)(struct client *c, const unsigned char *build_id, int len, char **path);
	void (*set_progress)(struct client *c, int (*fn)(struct client *c, long a, long b));
	void (*end)(struct client *c);
};

/* True: something has changed; false: the time is over. The lock is held. */
static bool wait_until(struct debuginfod *d, uint64_t end_ns)
{
	struct timespec t = { end_ns / 1000000000, end_ns % 1000000000 };

	return pthread_cond_timedwait(&d->changed, &d->lock, &t) != ETIMEDOUT;
}

static void release(struct debuginfod *d)
{
	struct debuginfod_request *r, *next;
	bool last = !--d->references;

	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	if (!last)
		return;
	for (r = d->requests; r; r = next) {
		next = r->next;
		if (r->fd >= 0)
			close(r->fd);
		free(r);
	}
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

#ifdef INFBPF_STATIC
static const char obstacle[] = "a static infbpf cannot load libdebuginfod";

static bool load(struct library *lib)
{
	memset(lib, 0, sizeof(*lib));
	return false;
}
#else
static const char obstacle[] = "there is no libdebuginfod.so.1 here";

static bool load(struct library *lib)
{
	static const char *const names[] = {
		"debuginfod_begin",
		"debuginfod_find_debuginfo",
		"debuginfod_set_progressfn",
		"debuginfod_end",
	};
	void *functions[sizeof(names) / sizeof(names[0])];
	void *handle = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; handle && i < sizeof(names) / sizeof(names[0]); i++) {
		functions[i] = dlsym(handle, names[i]);
		if (!functions[i])
			return false;
	}
	_Static_assert(sizeof(*lib) == sizeof(functions), "one pointer a name, in this order");
	if (handle)
		memcpy(lib, functions, sizeof(*lib));
	return handle != NULL;
}
#endif

/* For on_progress(), which is not told. */
static __thread struct debuginfod *fetching;

/* The library asks at least once a second: nonzero ends the transfer. a: bytes so far; b: in all. */
static int on_progress(struct client *c, long a, long b)
{
	bool stopping;

	(void)c;
	pthread_mutex_lock(&fetching->lock);
	stopping = fetching->stopping;
	pthread_mutex_unlock(&fetching->lock);
	return stopping || a > BYTES_MAX || b > BYTES_MAX;
}

static int fetch(const struct library *lib, const char *build_id)
{
	struct client *c = lib->begin();
	int fd;

	if (!c)
		return -ENOMEM;
	lib->set_progress(c, on_progress);
	/* Length 0: the build id is hex text. */
	fd = lib->find(c, (const unsigned char *)build_id, 0, NULL);
	lib->end(c);
	return fd;
}

static void *run(void *arg)
{
	struct debuginfod *d = fetching = arg;
	struct library lib;
	bool loaded = load(&lib);

	pthread_mutex_lock(&d->lock);
	if (!loaded && !d->told) {
		d->told = true;
		message_print("DEBUGINFOD_URLS is not used: %s", obstacle);
	}
	while (!d->stopping) {
		struct debuginfod_request *r = d->next;
		int fd = -ENOSYS;

		if (!r) {
			d->idle++;
			pthread_cond_wait(&d->changed, &d->lock);
			d->idle--;
			continue;
		}
		d->next = r->next;
		if (loaded) {
			pthread_mutex_unlock(&d->lock);
			fd = fetch(&lib, r->build_id);
			pthread_mutex_lock(&d->lock);
		}
		r->fd = fd;
		r->done = true;
		pthread_cond_broadcast(&d->changed);
	}
	d->threads--;
	release(d);
	return NULL;
}

/* Signals are for the main thread, which reads them from a descriptor. */
static void start_thread(struct debuginfod *d)
{
	sigset_t all, old;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	d->references++;
	d->threads++;
	if (pthread_create(&thread, NULL, run, d)) {
		d->references--;
		d->threads--;
	} else {
		pthread_detach(thread);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct debuginfod *debuginfod_open(void)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	pthread_condattr_t monotonic;
	struct debuginfod *d;

	if (!urls || !urls[strspn(urls, " ")])
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->references = 1;
	d->end = &d->requests;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return d;
}

void debuginfod_close(struct debuginfod *d)
{
	uint64_t end = clock_now_ns() + END_NS;

	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	pthread_cond_broadcast(&d->changed);
	/* Libraries are torn down when a process ends; better without a thread inside them. */
	while (d->threads && wait_until(d, end))
		;
	release(d);
}

struct debuginfod_request *debuginfod_want(struct debuginfod *d, const char *build_id)
{
	size_t len = strlen(build_id) + 1;
	struct debuginfod_request *r;

	if (d->requests_n == REQUESTS_MAX)
		return NULL;
	r = calloc(1, sizeof(*r) + len);
	if (!r)
		return NULL;
	memcpy(r->build_id, build_id, len);
	r->fd = -EINPROGRESS;
	pthread_mutex_lock(&d->lock);
	*d->end = r;
	d->end = &r->next;
	if (!d->next)
		d->next = r;
	d->requests_n++;
	if (!d->idle && d->threads < THREADS_MAX)
		start_thread(d);
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	return r;
}

int debuginfod_take(struct debuginfod *d, struct debuginfod_request *r)
{
	uint64_t start = clock_now_ns();
	int fd = -ETIMEDOUT;

	pthread_mutex_lock(&d->lock);
	while (!r->done && d->waited_ns < WAIT_NS && d->threads &&
	       wait_until(d, start + WAIT_NS - d->waited_ns))
		;
	if (!r->done) {
		d->waited_ns = WAIT_NS;
		/* Nobody waits for the others any more. */
		d->stopping = true;
	} else {
		d->waited_ns += clock_now_ns() - start;
		fd = r->fd;
		r->fd = -EALREADY;
	}
	pthread_mutex_unlock(&d->lock);
	return fd;
}
