// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* --gpu-calls: which calls are probed. The words are explained in cuda.h. */
#include "cuda.h"

#include <errno.h>
#include <string.h>

static const char *const groups[CUDA_GROUPS] = {
	[CUDA_LAUNCH] = "launch", [CUDA_COPY] = "copy",	    [CUDA_SET] = "set",
	[CUDA_SYNC] = "sync",	  [CUDA_QUERY] = "query",   [CUDA_ALLOC] = "alloc",
	[CUDA_STREAM] = "stream", [CUDA_EVENT] = "event",   [CUDA_GRAPH] = "graph",
	[CUDA_HOST] = "host",	  [CUDA_MODULE] = "module", [CUDA_COLLECTIVE] = "nccl",
	[CUDA_OTHER] = "other",
};

const char *cuda_group_name(enum cuda_group group)
{
	return groups[group];
}

/* What the words say. */
struct wish {
	bool groups[CUDA_GROUPS];
	bool by_default, all;
	bool any; /* a word that chooses calls, even "none"; "nccl" apart */
	bool runtime, driver;
};

static bool is(const char *word, size_t n, const char *name)
{
	return strlen(name) == n && !memcmp(word, name, n);
}

/* False: the word is none. */
static bool take_word(const char *word, size_t n, struct wish *w)
{
	if (is(word, n, "runtime"))
		w->runtime = true;
	else if (is(word, n, "driver"))
		w->driver = true;
	else if (is(word, n, "default"))
		w->any = w->by_default = true;
	else if (is(word, n, "all"))
		w->any = w->all = true;
	else if (is(word, n, "none"))
		w->any = true;
	else
		for (int g = 0;; g++) {
			if (g == CUDA_GROUPS)
				return false;
			if (!is(word, n, groups[g]))
				continue;
			w->groups[g] = true;
			w->any |= g != CUDA_COLLECTIVE;
			break;
		}
	return true;
}

static bool library_wanted(const struct wish *w, enum call_api api)
{
	if (!w->runtime && !w->driver)
		return true;
	return api == API_RUNTIME ? w->runtime : api == API_DRIVER ? w->driver : false;
}

static bool wanted(const struct wish *w, const struct cuda_call *c)
{
	/* NCCL is not one of the libraries that runtime and driver are told from. */
	if (c->group == CUDA_COLLECTIVE && w->groups[CUDA_COLLECTIVE])
		return true;
	if (!library_wanted(w, c->api))
		return false;
	return w->all || w->groups[c->group] || (w->by_default && !c->on_request);
}

int cuda_select(const char *list, bool *chosen, const char **bad, size_t *bad_n)
{
	struct wish w = { .any = false };
	bool launches = false;

	for (const char *word = list;; word++) {
		const size_t n = strcspn(word, ",");

		if (!take_word(word, n, &w)) {
			*bad = word;
			*bad_n = n;
			return -EINVAL;
		}
		word += n;
		if (!*word)
			break;
	}
	if (!w.any && (w.runtime || w.driver))
		w.by_default = true;
	for (size_t i = 0; i < cuda_calls_n; i++) {
		chosen[i] = wanted(&w, &cuda_calls[i]);
		launches |= chosen[i] && cuda_calls[i].what == CALL_LAUNCH;
	}
	/* The object that the runtime launches may have been named by the driver, and the other way. */
	for (size_t i = 0; i < cuda_calls_n && launches; i++)
		if (cuda_calls[i].what == CALL_NAMED || cuda_calls[i].what == CALL_REGISTER)
			chosen[i] |= library_wanted(&w, cuda_calls[i].api);
	return 0;
}
