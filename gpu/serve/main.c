/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* infer-serve: a small inference server that loads itself and counts what it does. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "server.h"

/* Signals come through a descriptor; every thread has them blocked. */
static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int timeout_ms(uint64_t until_ns)
{
	uint64_t now = clock_ns(), ms;

	if (until_ns == UINT64_MAX)
		return -1;
	if (now >= until_ns)
		return 0;
	ms = (until_ns - now + 999999) / 1000000;
	return ms > 60000 ? 60000 : (int)ms;
}

/* Until a signal, the end of --duration, or all requests are answered. */
static void serve(struct server *s, int signal_fd)
{
	struct pollfd fds[] = { { signal_fd, POLLIN, 0 }, { s->wake_fd, POLLIN, 0 } };
	uint64_t until = UINT64_MAX;

	if (s->options.duration_s > 0)
		until = s->ready_ns + (uint64_t)(s->options.duration_s * 1e9);
	while (clock_ns() < until) {
		struct signalfd_siginfo info;

		if (poll(fds, 2, timeout_ms(until)) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			break;
		if (!fds[0].revents || read(signal_fd, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo != SIGUSR1)
			break;
		cuda_counts_read(&s->counts, &s->at_window);
		spans_window(&s->spans);
		s->window = true;
		fprintf(stderr, "infer-serve: a new window of counts\n");
	}
	server_stop(s);
}

static int run(struct server *s, int signal_fd)
{
	int err = server_init(s);

	if (!err)
		err = server_start(s);
	/* Said where it happened. Threads that did start wait for work that never comes. */
	if (err) {
		scenario_stop(s);
		return err;
	}
	fprintf(stderr,
		"infer-serve: ready pid=%d runtime=%s model=%s seed=%llu rate=%g threads=%u\n",
		(int)getpid(), s->runtime, model_names[s->options.model],
		(unsigned long long)s->options.seed, s->options.rate, s->threads_n + 1);
	serve(s, signal_fd);
	server_finish(s);
	stats_summary(s);
	if (s->options.stats)
		err = stats_write(s, s->options.stats);
	if (__atomic_load_n(&s->failed, __ATOMIC_ACQUIRE))
		err = -EIO;
	server_free(s);
	return err;
}

int main(int argc, char **argv)
{
	struct options options;
	struct server *s;
	int signal_fd, err;

	err = options_parse(&options, argc, argv);
	if (err)
		return err > 0 ? 0 : 2;
	s = calloc(1, sizeof(*s));
	if (!s) {
		fprintf(stderr, "infer-serve: no memory\n");
		return 1;
	}
	s->options = options;
	s->runtime = runtime_choose(&options, &s->counts, argv);
	signal_fd = s->runtime ? signals_open() : -1;
	if (s->runtime && signal_fd < 0)
		fprintf(stderr, "infer-serve: signalfd: %s\n", strerror(errno));
	err = signal_fd < 0 ? -1 : run(s, signal_fd);
	free(s);
	return err ? 1 : 0;
}
