// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* --gpu-calls: which calls are probed. */
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

int cuda_select(const char *list, bool *chosen, const char **bad, size_t *bad_n)
{
	(void)list, (void)bad, (void)bad_n;
	for (size_t i = 0; i < cuda_calls_n; i++)
		chosen[i] = !cuda_calls[i].on_request;
	return 0;
}
