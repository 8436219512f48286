/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two threads hand a turn to and fro with bare futexes: each waits for the other rounds times. With
 * work_us, the holder of the turn computes so long. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "truth.h"

struct game {
	_Atomic uint32_t turn; /* 0 or 1; 2: over */
	long rounds, work_us;
	_Atomic long waits;
};

struct player {
	struct game *game;
	uint32_t me;
};

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL);
}

static void futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

static void *play(void *arg)
{
	const struct player *p = arg;
	struct game *g = p->game;
	uint32_t turn;

	truth_name_thread(p->me ? "pong" : "ping");
	for (long i = 0; !g->rounds || i < g->rounds; i++) {
		while ((turn = atomic_load(&g->turn)) != p->me && turn != 2) {
			atomic_fetch_add(&g->waits, 1);
			futex_wait(&g->turn, turn);
		}
		if (turn == 2 || truth_stopped())
			break;
		if (g->work_us)
			truth_spin_cpu((uint64_t)g->work_us * 1000);
		atomic_store(&g->turn, !p->me);
		futex_wake(&g->turn);
	}
	if (truth_stopped()) {
		atomic_store(&g->turn, 2);
		futex_wake(&g->turn);
	}
	truth_thread();
	return NULL;
}

int main(int argc, char **argv)
{
	struct game game = { 0 };
	struct player players[2] = { { &game, 0 }, { &game, 1 } };
	pthread_t threads[2];

	truth_init("futex", argc, argv);
	game.rounds = truth_arg("rounds", 5000);
	game.work_us = truth_arg("work_us", 0);
	truth_ready();
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, play, &players[i]) != 0)
			truth_die("pthread_create");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	truth_number("waits", (uint64_t)game.waits);
	truth_print();
	return 0;
}
