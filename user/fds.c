// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>
#include "fds.h"

#define AT_ONCE 16

static void *close_one(void *arg)
{
	close((intptr_t)arg);
	return NULL;
}

void fds_close(const int *fds, size_t n)
{
	pthread_t threads[AT_ONCE];
	size_t started = 0;

	for (size_t i = 0; i < n; i++) {
		if (fds[i] < 0)
			continue;
		/* The last one needs no thread. */
		if (i + 1 == n ||
		    pthread_create(&threads[started], NULL, close_one, (void *)(intptr_t)fds[i]))
			close(fds[i]);
		else
			started++;
		if (started == AT_ONCE)
			while (started)
				pthread_join(threads[--started], NULL);
	}
	while (started)
		pthread_join(threads[--started], NULL);
}
