/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Waits for sockets. Most by read() and write(): what they wait for only the descriptor tells. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "waits.h"

/* Both ways of waiting end after half of the whole. */
static int limit(int fd, const struct wait_job *w)
{
	const struct timeval t = { w->ms / 2000, w->ms / 2 % 1000 * 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) != 0)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

/* A socket that listens on a free port of its own; its address in at. */
static int listener(struct sockaddr_in *at, int backlog)
{
	socklen_t n = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)at, n) != 0 || listen(fd, backlog) != 0 ||
	    getsockname(fd, (struct sockaddr *)at, &n) != 0)
		return -1;
	return fd;
}

const char *wait_tcp_begin(struct wait_job *w)
{
	struct sockaddr_in at;
	int fd = listener(&at, 1);

	w->other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || w->other < 0 || connect(w->other, (struct sockaddr *)&at, sizeof(at)) != 0)
		return strerror(errno);
	w->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	close(fd);
	if (w->fd < 0 || limit(w->fd, w) != 0)
		return strerror(errno);
	return NULL;
}

/* The receiver takes nothing: its buffer and the sender's are full. */
const char *wait_tcp_full_begin(struct wait_job *w)
{
	static const char page[65536];
	const int small = 16384;
	const char *why = wait_tcp_begin(w);

	if (why)
		return why;
	setsockopt(w->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while (send(w->fd, page, sizeof(page), MSG_DONTWAIT) > 0)
		;
	return NULL;
}

void wait_tcp_send(struct wait_job *w)
{
	static const char page[65536];

	if (write(w->fd, page, sizeof(page)) < 0)
		return;
}

const char *wait_accept_begin(struct wait_job *w)
{
	struct sockaddr_in at;

	w->other = -1;
	w->fd = listener(&at, 1);
	return w->fd < 0 || limit(w->fd, w) != 0 ? strerror(errno) : NULL;
}

void wait_accept(struct wait_job *w)
{
	accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
}

/* Nobody accepts, and the queue is full: who connects hears nothing. */
const char *wait_connect_begin(struct wait_job *w)
{
	struct sockaddr_in at;

	w->other = listener(&at, 0);
	if (w->other < 0)
		return strerror(errno);
	for (int i = 0; i < 4; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (fd < 0)
			return strerror(errno);
		if (connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0 && errno != EINPROGRESS)
			return strerror(errno);
	}
	w->fd = -1;
	w->at = ntohs(at.sin_port);
	return NULL;
}

int wait_connect_prepare(struct wait_job *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return w->fd < 0 ? -1 : limit(w->fd, w);
}

void wait_connect(struct wait_job *w)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons((uint16_t)w->at) };

	if (connect(w->fd, (struct sockaddr *)&at, sizeof(at)) != 0)
		return; /* the limit */
}

const char *wait_udp_begin(struct wait_job *w)
{
	w->other = -1;
	w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return w->fd < 0 || limit(w->fd, w) != 0 ? strerror(errno) : NULL;
}

void wait_udp(struct wait_job *w)
{
	char buf[16];

	recvfrom(w->fd, buf, sizeof(buf), 0, NULL, NULL);
}

const char *wait_unix_begin(struct wait_job *w)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return strerror(errno);
	w->fd = fds[0];
	w->other = fds[1];
	return limit(w->fd, w) != 0 ? strerror(errno) : NULL;
}

void wait_fds_end(struct wait_job *w)
{
	close(w->fd);
	if (w->other >= 0)
		close(w->other);
}
