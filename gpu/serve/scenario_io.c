/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Planted I/O: adapters read from disk for each request, and a tokeniser behind a socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "server.h"

#define ADAPTERS_BYTES (64 << 20)
/* At a time: as a reader of many small tensors does, so that each waits for the disk. */
#define READ_BYTES (64 << 10)

static int file_fill(int fd, uint64_t seed)
{
	uint64_t *data = malloc(1 << 20), state = seed;
	int err = data ? 0 : -ENOMEM;

	for (size_t at = 0; !err && at < ADAPTERS_BYTES; at += 1 << 20) {
		for (size_t i = 0; i < (1 << 20) / sizeof(*data); i++)
			data[i] = random_next(&state);
		if (pwrite(fd, data, 1 << 20, (off_t)at) != 1 << 20)
			err = errno ? -errno : -ENOSPC;
	}
	if (!err && fsync(fd))
		err = -errno;
	free(data);
	return err;
}

/* Beside the weights, and without a name as soon as it is open: nothing is left behind. */
int adapters_make(struct scenario *c, uint64_t seed)
{
	char folder[PATH_MAX - 64], path[PATH_MAX];
	int err = weights_folder(folder, sizeof(folder)), fd;

	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/adapters-%d.tmp", folder, (int)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = file_fill(fd, seed);
	if (!err) {
		c->adapters_fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
		c->adapters_cached = c->adapters_fd < 0;
		if (c->adapters_cached)
			c->adapters_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (c->adapters_fd < 0)
			err = -errno;
	}
	unlink(path);
	close(fd);
	return err;
}

/* In an order that readahead cannot guess. */
int adapter_read(const struct scenario *c, uint64_t request, double mib)
{
	uint64_t state = request, reads = (uint64_t)(mib * (1 << 20) / READ_BYTES);
	void *data = aligned_alloc(4096, READ_BYTES);
	int err = data ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < reads && !err; i++) {
		off_t at =
			(off_t)(random_next(&state) % (ADAPTERS_BYTES / READ_BYTES)) * READ_BYTES;

		if (pread(c->adapters_fd, data, READ_BYTES, at) != READ_BYTES)
			err = errno ? -errno : -EIO;
		if (c->adapters_cached)
			posix_fadvise(c->adapters_fd, at, READ_BYTES, POSIX_FADV_DONTNEED);
	}
	free(data);
	return err;
}

static int whole(int fd, void *data, size_t n, bool out)
{
	char *p = data;

	while (n) {
		ssize_t done = out ? send(fd, p, n, MSG_NOSIGNAL) : recv(fd, p, n, 0);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -ECONNRESET;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

struct remote_answer {
	int32_t n;
	int32_t token[MODEL_MAX_PROMPT];
};

struct remote_client {
	int fd;
	const struct server *server;
};

static void *remote_client_run(void *arg)
{
	struct remote_client client = *(struct remote_client *)arg;
	double ms = client.server->options.plant.net_ms;
	struct timespec delay = { (time_t)(ms / 1000), (long)(ms * 1e6) % 1000000000L };
	struct remote_answer answer;
	char text[REQUEST_TEXT];

	free(arg);
	while (!whole(client.fd, text, sizeof(text), false)) {
		nanosleep(&delay, NULL);
		text[sizeof(text) - 1] = '\0';
		answer.n = bpe_encode(client.server->bpe, text, answer.token, MODEL_MAX_PROMPT);
		if (whole(client.fd, &answer, sizeof(answer), true))
			break;
	}
	close(client.fd);
	return NULL;
}

/* In the child: a thread a connection, until it is killed. */
static void __attribute__((noreturn)) remote_run(const struct server *s, int listener)
{
	for (;;) {
		struct remote_client *client = malloc(sizeof(*client));
		pthread_t thread;

		if (!client)
			_exit(1);
		*client = (struct remote_client){ accept(listener, NULL, NULL), s };
		if (client->fd < 0 || pthread_create(&thread, NULL, remote_client_run, client))
			_exit(1);
		pthread_detach(thread);
	}
}

int remote_start(struct server *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	if (listener < 0)
		return -errno;
	if (bind(listener, (struct sockaddr *)&at, len) || listen(listener, 128) ||
	    getsockname(listener, (struct sockaddr *)&at, &len)) {
		close(listener);
		return -errno;
	}
	pid = scenario_fork(&s->scenario, "tokeniser");
	if (!pid)
		remote_run(s, listener);
	close(listener);
	s->scenario.remote_port = ntohs(at.sin_port);
	return pid < 0 ? pid : 0;
}

static int remote_connect(const struct scenario *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)c->remote_port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int32_t remote_encode(const struct scenario *c, const char *text, int32_t *token, int32_t room)
{
	struct remote_answer answer = { 0 };
	char sent[REQUEST_TEXT] = "";
	/* A connection a request, as by a client that keeps none. */
	int fd = remote_connect(c), err;

	if (fd < 0)
		return fd;
	snprintf(sent, sizeof(sent), "%s", text);
	err = whole(fd, sent, sizeof(sent), true);
	if (!err)
		err = whole(fd, &answer, sizeof(answer), false);
	close(fd);
	if (err)
		return err;
	if (answer.n < 0 || answer.n > room || answer.n > MODEL_MAX_PROMPT)
		return -EPROTO;
	memcpy(token, answer.token, (size_t)answer.n * sizeof(*token));
	return answer.n;
}
