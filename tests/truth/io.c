/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One kind of I/O, so many times (count) of such a size (size), by a thread "worker" that does nothing
 * else. work= tells what: see the table at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "truth.h"

#define FILE_BYTES (16l << 20)
#define CHUNK	   (64l << 10)

static struct {
	const char *path;
	long count, size;
	char *buf;
	int fd;	   /* of the file; of a socket or pipe the worker's end */
	int other; /* the other thread's end */
	void *map;
} io;

static _Atomic uint64_t worker_tid, other_tid;

static long page(long i)
{
	/* Every page once, in an order that no read-ahead guesses. */
	return i * 677 % (FILE_BYTES / 4096) * 4096;
}

/* --- setting up --- */

static void fill_file(void)
{
	int fd = open(io.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		truth_die(io.path);
	for (long at = st.st_size; at < FILE_BYTES; at += CHUNK)
		if (pwrite(fd, io.buf, CHUNK, at) != CHUNK)
			truth_die(io.path);
	if (fsync(fd) != 0)
		truth_die(io.path);
	close(fd);
}

static void open_file(int flags)
{
	fill_file();
	io.fd = open(io.path, flags | O_CLOEXEC);
	if (io.fd < 0 && errno == EINVAL)
		truth_skip("no O_DIRECT on this file system");
	if (io.fd < 0)
		truth_die(io.path);
}

static void drop_cache(void)
{
	if (fsync(io.fd) != 0 || posix_fadvise(io.fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		truth_die("posix_fadvise");
}

static void set_direct(void)
{
	open_file(O_RDWR | O_DIRECT);
}

static void set_hit(void)
{
	open_file(O_RDONLY);
	for (long at = 0; at < FILE_BYTES; at += CHUNK)
		if (pread(io.fd, io.buf, CHUNK, at) != CHUNK)
			truth_die(io.path);
}

static void set_miss(void)
{
	open_file(O_RDWR);
	drop_cache();
	posix_fadvise(io.fd, 0, 0, POSIX_FADV_RANDOM);
}

static void set_ahead(void)
{
	open_file(O_RDWR);
	drop_cache();
}

static void set_fault(void)
{
	set_miss();
	io.map = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, io.fd, 0);
	if (io.map == MAP_FAILED || madvise(io.map, FILE_BYTES, MADV_RANDOM) != 0)
		truth_die("mmap");
}

static void set_ends(int a, int b)
{
	io.fd = a;
	io.other = b;
}

static void set_pipe(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		truth_die("pipe");
	set_ends(fds[1], fds[0]);
}

static void set_unix(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		truth_die("socketpair");
	set_ends(fds[0], fds[1]);
}

static void set_inet(int type)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int server = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (server < 0 || client < 0 || bind(server, (struct sockaddr *)&at, len) != 0 ||
	    getsockname(server, (struct sockaddr *)&at, &len) != 0)
		truth_die("socket");
	if (type == SOCK_STREAM && listen(server, 1) != 0)
		truth_die("listen");
	if (connect(client, (struct sockaddr *)&at, len) != 0)
		truth_die("connect");
	set_ends(client, type == SOCK_STREAM ? accept(server, NULL, NULL) : server);
	if (type == SOCK_DGRAM && (getsockname(client, (struct sockaddr *)&at, &len) != 0 ||
				   connect(server, (struct sockaddr *)&at, len) != 0))
		truth_die("connect");
}

static void set_tcp(void)
{
	set_inet(SOCK_STREAM);
}

static void set_udp(void)
{
	set_inet(SOCK_DGRAM);
}

/* --- the work --- */

static void check(const char *what, long got)
{
	if (got != io.size)
		truth_die(what);
}

static void do_read_pages(void)
{
	for (long i = 0; i < io.count; i++)
		check("pread", pread(io.fd, io.buf, io.size, page(i)));
}

static void do_readv(void)
{
	struct iovec v[2] = { { io.buf, io.size / 2 }, { io.buf + io.size / 2, io.size / 2 } };

	for (long i = 0; i < io.count; i++)
		check("preadv", preadv(io.fd, v, 2, page(i)));
}

static void do_read_on(void)
{
	for (long i = 0; i < io.count; i++)
		check("read", read(io.fd, io.buf, io.size));
}

static void do_direct(void)
{
	for (long i = 0; i < io.count; i++)
		check("pread", pread(io.fd, io.buf, io.size, i * io.size % FILE_BYTES));
}

static void do_direct_write(void)
{
	for (long i = 0; i < io.count; i++)
		check("pwrite", pwrite(io.fd, io.buf, io.size, i * io.size % FILE_BYTES));
}

static void do_write(void)
{
	for (long i = 0; i < io.count; i++) {
		check("pwrite", pwrite(io.fd, io.buf, io.size, i * io.size % FILE_BYTES));
		if (i % 10 == 9 && fdatasync(io.fd) != 0)
			truth_die("fdatasync");
	}
}

static void do_fault(void)
{
	volatile const char *map = io.map;

	for (long i = 0; i < io.count; i++)
		(void)map[page(i)];
}

/* Sends, and has it sent back. */
static void do_echo(void)
{
	for (long i = 0; i < io.count; i++) {
		check("send", send(io.fd, io.buf, io.size, 0));
		check("recv", recv(io.fd, io.buf, io.size, MSG_WAITALL));
	}
}

static void do_pipe(void)
{
	for (long i = 0; i < io.count; i++)
		check("write", write(io.fd, io.buf, io.size));
}

/* Reads of a descriptor that refuses them. */
static void do_errors(void)
{
	for (long i = 0; i < io.count; i++)
		if (pread(io.fd, io.buf, io.size, 1) >= 0 || errno != EINVAL)
			truth_die("pread of an odd place");
}

/* --- io_uring, by its system calls --- */

struct ring {
	int fd;
	_Atomic unsigned int *sq_tail, *cq_head, *cq_tail;
	unsigned int *sq_mask, *sq_array, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static void *ring_map(int fd, size_t bytes, off_t at)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, at);

	if (p == MAP_FAILED)
		truth_die("io_uring mmap");
	return p;
}

static void ring_open(struct ring *r)
{
	struct io_uring_params p = { 0 };
	char *sq, *cq;

	r->fd = (int)syscall(SYS_io_uring_setup, 8, &p);
	if (r->fd < 0 && (errno == ENOSYS || errno == EPERM))
		truth_skip("no io_uring on this kernel");
	if (r->fd < 0)
		truth_die("io_uring_setup");
	sq = ring_map(r->fd, p.sq_off.array + p.sq_entries * sizeof(unsigned int),
		      IORING_OFF_SQ_RING);
	cq = ring_map(r->fd, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		      IORING_OFF_CQ_RING);
	r->sqes = ring_map(r->fd, p.sq_entries * sizeof(*r->sqes), IORING_OFF_SQES);
	r->sq_tail = (void *)(sq + p.sq_off.tail);
	r->sq_mask = (void *)(sq + p.sq_off.ring_mask);
	r->sq_array = (void *)(sq + p.sq_off.array);
	r->cq_head = (void *)(cq + p.cq_off.head);
	r->cq_tail = (void *)(cq + p.cq_off.tail);
	r->cq_mask = (void *)(cq + p.cq_off.ring_mask);
	r->cqes = (void *)(cq + p.cq_off.cqes);
}

static int ring_do(struct ring *r, const struct io_uring_sqe *sqe)
{
	const unsigned int tail = *r->sq_tail, at = tail & *r->sq_mask;
	unsigned int head;
	int result;

	r->sqes[at] = *sqe;
	r->sq_array[at] = at;
	atomic_store(r->sq_tail, tail + 1);
	if (syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		truth_die("io_uring_enter");
	head = *r->cq_head;
	while (head == atomic_load(r->cq_tail))
		if (syscall(SYS_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
			truth_die("io_uring_enter");
	result = r->cqes[head & *r->cq_mask].res;
	atomic_store(r->cq_head, head + 1);
	return result;
}

static void do_uring(void)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_READ,
				    .fd = io.fd,
				    .addr = (uintptr_t)io.buf,
				    .len = (unsigned int)io.size };
	struct ring r;

	ring_open(&r);
	for (long i = 0; i < io.count; i++) {
		sqe.off = (uint64_t)(i * io.size % FILE_BYTES);
		check("io_uring read", ring_do(&r, &sqe));
	}
}

/* --- the other end --- */

static void *other_end(void *echo)
{
	char *buf = malloc((size_t)io.size);

	if (!buf)
		abort();
	truth_name_thread("other");
	other_tid = (uint64_t)syscall(SYS_gettid);
	for (long i = 0; i < io.count; i++) {
		long n = 0, got = 1;

		while (n < io.size && got > 0) {
			got = echo ? recv(io.other, buf, io.size, MSG_WAITALL)
				   : read(io.other, buf, io.size - n);
			n += got > 0 ? got : 0;
		}
		check("the other end", n);
		if (echo)
			check("send", send(io.other, buf, io.size, 0));
	}
	free(buf);
	return NULL;
}

static const struct work {
	const char *name;
	void (*set)(void);
	void (*work)(void);
	int other; /* 1: the other end reads, 2: it sends back, too */
} works[] = {
	{ "direct", set_direct, do_direct, 0 }, { "direct-write", set_direct, do_direct_write, 0 },
	{ "hit", set_hit, do_read_pages, 0 },	{ "miss", set_miss, do_read_pages, 0 },
	{ "ahead", set_ahead, do_read_on, 0 },	{ "readv", set_miss, do_readv, 0 },
	{ "write", set_ahead, do_write, 0 },	{ "errors", set_direct, do_errors, 0 },
	{ "fault", set_fault, do_fault, 0 },	{ "pipe", set_pipe, do_pipe, 1 },
	{ "unix", set_unix, do_echo, 2 },	{ "tcp", set_tcp, do_echo, 2 },
	{ "udp", set_udp, do_echo, 2 },		{ "uring", set_direct, do_uring, 0 },
};

static void *worker(void *arg)
{
	const struct work *w = arg;
	struct rusage before, after;
	uint64_t begin;

	truth_name_thread("worker");
	worker_tid = (uint64_t)syscall(SYS_gettid);
	getrusage(RUSAGE_THREAD, &before);
	begin = truth_now_ns();
	w->work();
	truth_number("work_ns", truth_now_ns() - begin);
	getrusage(RUSAGE_THREAD, &after);
	truth_number("major_faults", (uint64_t)(after.ru_majflt - before.ru_majflt));
	return NULL;
}

int main(int argc, char **argv)
{
	const struct work *w = NULL;
	const char *name;
	pthread_t thread, other;

	truth_init("io", argc, argv);
	name = truth_arg_text("work", "direct");
	io.path = truth_arg_text("file", "io.dat");
	io.count = truth_arg("count", 200);
	io.size = truth_arg("size", 4096);
	for (size_t i = 0; i < sizeof(works) / sizeof(*works); i++)
		if (!strcmp(works[i].name, name))
			w = &works[i];
	if (!w || posix_memalign((void **)&io.buf, 4096, CHUNK > io.size ? CHUNK : io.size) != 0)
		truth_die(name);
	memset(io.buf, 'x', CHUNK > io.size ? CHUNK : io.size);
	w->set();
	truth_ready();
	truth_attached();
	if (w->other && pthread_create(&other, NULL, other_end, w->other > 1 ? &io : NULL) != 0)
		truth_die("pthread_create");
	if (pthread_create(&thread, NULL, worker, (void *)w) != 0)
		truth_die("pthread_create");
	pthread_join(thread, NULL);
	if (w->other)
		pthread_join(other, NULL);
	truth_number("count", (uint64_t)io.count);
	truth_number("size", (uint64_t)io.size);
	truth_number("worker", worker_tid);
	truth_number("other", other_tid);
	truth_print();
	return 0;
}
