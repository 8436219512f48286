/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Waits on interfaces without a wrapper in the C library: io_uring, userfaultfd. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "truth.h"
#include "waits.h"

#define PAGE 4096ul

/* A ring with one request under way, the read of a pipe that nobody writes to: with requests under
 * way newer kernels call the wait one for I/O. */
const char *wait_uring_begin(struct wait_job *w)
{
	struct io_uring_params p = { .flags = 0 };
	struct io_uring_sqe *sqes;
	static char buf[16];
	char *ring;
	int fds[2];

	w->fd = (int)syscall(SYS_io_uring_setup, 4, &p);
	if (w->fd < 0)
		return strerror(errno);
	ring = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(__u32), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, w->fd, IORING_OFF_SQ_RING);
	sqes = mmap(NULL, p.sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, w->fd, IORING_OFF_SQES);
	if (ring == MAP_FAILED || sqes == MAP_FAILED || pipe2(fds, O_CLOEXEC) != 0)
		return strerror(errno);
	sqes[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ, .fd = fds[0], .addr = (uintptr_t)buf, .len = sizeof(buf)
	};
	((__u32 *)(ring + p.sq_off.array))[0] = 0;
	atomic_store((_Atomic __u32 *)(ring + p.sq_off.tail), 1);
	return syscall(SYS_io_uring_enter, w->fd, 1, 0, 0, NULL, 0) == 1 ? NULL : strerror(errno);
}

void wait_uring(struct wait_job *w)
{
	syscall(SYS_io_uring_enter, w->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

/* Puts a page of zeroes where one is missing, half of the whole later. */
static void *serve_fault(void *arg)
{
	struct wait_job *w = arg;
	struct uffdio_zeropage zero = { .range = { (uintptr_t)w->memory, PAGE } };
	struct pollfd fault = { .fd = w->fd, .events = POLLIN };
	struct uffd_msg message;

	truth_name_thread("pager");
	if (poll(&fault, 1, -1) != 1 || read(w->fd, &message, sizeof(message)) != sizeof(message))
		return NULL;
	truth_sleep((uint64_t)w->ms * 500000);
	ioctl(w->fd, UFFDIO_ZEROPAGE, &zero);
	return NULL;
}

const char *wait_userfault_begin(struct wait_job *w)
{
	struct uffdio_api api = { .api = UFFD_API };

	/* Of one that may block, poll() says at once that it is in error, and who serves it waits in
	 * read() if it comes before the fault: only its stack tells what for. */
	w->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (w->fd < 0 || ioctl(w->fd, UFFDIO_API, &api) != 0)
		return strerror(errno);
	w->memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return w->memory == MAP_FAILED ? strerror(errno) : NULL;
}

int wait_userfault_prepare(struct wait_job *w)
{
	struct uffdio_register range = { .range = { (uintptr_t)w->memory, PAGE },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };
	pthread_t server;

	madvise(w->memory, PAGE, MADV_DONTNEED);
	if (ioctl(w->fd, UFFDIO_REGISTER, &range) != 0 ||
	    pthread_create(&server, NULL, serve_fault, w) != 0)
		return -1;
	pthread_detach(server);
	return 0;
}

void wait_userfault(struct wait_job *w)
{
	*(volatile char *)w->memory;
}
