/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of waits, and those that need neither file nor network. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "truth.h"
#include "waits.h"

const char *wait_file;

void wait_path(char *path, size_t size)
{
	static unsigned int number;

	snprintf(path, size, "%s.%u", wait_file, __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED));
}

/* Half of the whole. */
static struct timespec half(const struct wait_job *w)
{
	return (struct timespec){ w->ms / 2000, w->ms / 2 % 1000 * 1000000 };
}

static const char *nothing(struct wait_job *w)
{
	(void)w;
	return NULL;
}

static const char *fd_or_why(int fd)
{
	return fd < 0 ? strerror(errno) : NULL;
}

static void wait_futex(struct wait_job *w)
{
	const struct timespec limit = half(w);
	uint32_t word = 1;

	syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &limit);
}

static void wait_nanosleep(struct wait_job *w)
{
	const struct timespec limit = half(w);

	nanosleep(&limit, NULL);
}

static void wait_poll(struct wait_job *w)
{
	poll(NULL, 0, (int)w->ms / 2);
}

static void wait_select(struct wait_job *w)
{
	struct timespec limit = half(w);

	pselect(0, NULL, NULL, NULL, &limit, NULL);
}

static const char *epoll_begin(struct wait_job *w)
{
	return fd_or_why(w->fd = epoll_create1(EPOLL_CLOEXEC));
}

static void wait_epoll(struct wait_job *w)
{
	struct epoll_event event;

	epoll_wait(w->fd, &event, 1, (int)w->ms / 2);
}

static const char *timer_begin(struct wait_job *w)
{
	const struct itimerspec at = { .it_value = half(w), .it_interval = half(w) };

	w->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (w->fd < 0 || timerfd_settime(w->fd, 0, &at, NULL) != 0)
		return strerror(errno);
	return NULL;
}

void wait_read(struct wait_job *w)
{
	char buf[512];

	if (read(w->fd, buf, sizeof(buf)) < 0)
		return; /* the limit, or the signal */
}

static const char *eventfd_begin(struct wait_job *w)
{
	return fd_or_why(w->fd = eventfd(0, EFD_CLOEXEC));
}

static const char *inotify_begin(struct wait_job *w)
{
	w->fd = inotify_init1(IN_CLOEXEC);
	if (w->fd < 0 || inotify_add_watch(w->fd, "/proc/self", IN_CREATE) < 0)
		return strerror(errno);
	return NULL;
}

static const char *signalfd_begin(struct wait_job *w)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return fd_or_why(w->fd = signalfd(-1, &set, SFD_CLOEXEC));
}

static void wait_signal(struct wait_job *w)
{
	const struct timespec limit = half(w);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigtimedwait(&set, NULL, &limit);
}

static const char *pipe_begin(struct wait_job *w)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return strerror(errno);
	w->fd = fds[0];
	w->other = fds[1];
	return NULL;
}

/* Full: whoever writes waits. */
static const char *pipe_full_begin(struct wait_job *w)
{
	static const char page[4096];
	const char *why = pipe_begin(w);

	if (why)
		return why;
	fcntl(w->other, F_SETFL, O_NONBLOCK);
	while (write(w->other, page, sizeof(page)) > 0)
		;
	fcntl(w->other, F_SETFL, 0);
	return NULL;
}

static void wait_pipe_write(struct wait_job *w)
{
	if (write(w->other, "x", 1) < 0)
		return;
}

/* A terminal's slave side, whose master says nothing. */
static const char *tty_begin(struct wait_job *w)
{
	char name[64];
	int unlock = 0;

	w->other = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (w->other < 0 || ioctl(w->other, TIOCSPTLCK, &unlock) != 0 ||
	    ptsname_r(w->other, name, sizeof(name)) != 0)
		return strerror(errno);
	return fd_or_why(w->fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
}

/* Another open file has the lock. */
static const char *lock_begin(struct wait_job *w)
{
	char path[4096];

	wait_path(path, sizeof(path));
	w->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	w->other = open(path, O_RDWR | O_CLOEXEC);
	unlink(path);
	if (w->fd < 0 || w->other < 0 || flock(w->other, LOCK_EX) != 0)
		return strerror(errno);
	return NULL;
}

static void wait_flock(struct wait_job *w)
{
	flock(w->fd, LOCK_EX);
}

static const char *record_lock_begin(struct wait_job *w)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	const char *why = lock_begin(w);

	if (why)
		return why;
	return fcntl(w->other, F_OFD_SETLK, &all) != 0 ? strerror(errno) : NULL;
}

static void wait_record_lock(struct wait_job *w)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	fcntl(w->fd, F_OFD_SETLKW, &all);
}

static const char *semaphore_begin(struct wait_job *w)
{
	return fd_or_why(w->fd = semget(IPC_PRIVATE, 1, 0600));
}

static void wait_semaphore(struct wait_job *w)
{
	struct sembuf take = { .sem_op = -1 };
	const struct timespec limit = half(w);

	semtimedop(w->fd, &take, 1, &limit);
}

static void semaphore_end(struct wait_job *w)
{
	semctl(w->fd, 0, IPC_RMID);
}

static const char *queue_begin(struct wait_job *w)
{
	return fd_or_why(w->fd = msgget(IPC_PRIVATE, 0600));
}

static void wait_queue(struct wait_job *w)
{
	struct {
		long type;
		char text[16];
	} message;

	if (msgrcv(w->fd, &message, sizeof(message.text), 0, 0) < 0)
		return;
}

static void queue_end(struct wait_job *w)
{
	msgctl(w->fd, IPC_RMID, NULL);
}

static const char *child_begin(struct wait_job *w)
{
	w->pid = fork();
	if (w->pid == 0)
		for (;;)
			pause();
	return fd_or_why(w->pid);
}

static void wait_child(struct wait_job *w)
{
	waitpid(w->pid, NULL, 0);
}

static void child_end(struct wait_job *w)
{
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
}

/* The child is stopped from here on; what waits is the child. */
static const char *stopped_begin(struct wait_job *w)
{
	w->pid = fork();
	if (w->pid == 0) {
		truth_name_thread("stopped");
		for (;;)
			raise(SIGSTOP);
	}
	w->tid = (uint64_t)w->pid;
	return fd_or_why(w->pid);
}

static int stopped_prepare(struct wait_job *w)
{
	return waitpid(w->pid, NULL, WUNTRACED) == w->pid ? 0 : -1;
}

static void wait_stopped(struct wait_job *w)
{
	wait_nanosleep(w);
	kill(w->pid, SIGCONT);
}

const struct wait_row wait_rows[] = {
	{ "futex", nothing, NULL, wait_futex, NULL, false, false },
	{ "flock", lock_begin, NULL, wait_flock, wait_fds_end, true, false },
	{ "record-lock", record_lock_begin, NULL, wait_record_lock, wait_fds_end, true, false },
	{ "semaphore", semaphore_begin, NULL, wait_semaphore, semaphore_end, false, false },
	{ "nanosleep", nothing, NULL, wait_nanosleep, NULL, false, false },
	{ "timerfd", timer_begin, NULL, wait_read, NULL, false, false },
	{ "sigtimedwait", nothing, NULL, wait_signal, NULL, false, false },
	{ "signalfd", signalfd_begin, NULL, wait_read, NULL, true, false },
	{ "poll", nothing, NULL, wait_poll, NULL, false, false },
	{ "select", nothing, NULL, wait_select, NULL, false, false },
	{ "epoll", epoll_begin, NULL, wait_epoll, NULL, false, false },
	{ "inotify", inotify_begin, NULL, wait_read, NULL, true, false },
	{ "io_uring", wait_uring_begin, NULL, wait_uring, NULL, true, false },
	{ "pipe-read", pipe_begin, NULL, wait_read, wait_fds_end, true, false },
	{ "pipe-write", pipe_full_begin, NULL, wait_pipe_write, wait_fds_end, true, false },
	{ "eventfd", eventfd_begin, NULL, wait_read, NULL, true, false },
	{ "message-queue", queue_begin, NULL, wait_queue, queue_end, true, false },
	{ "tty", tty_begin, NULL, wait_read, wait_fds_end, true, false },
	{ "tcp-receive", wait_tcp_begin, NULL, wait_read, wait_fds_end, false, false },
	{ "tcp-send", wait_tcp_full_begin, NULL, wait_tcp_send, wait_fds_end, false, false },
	{ "tcp-accept", wait_accept_begin, NULL, wait_accept, wait_fds_end, false, false },
	{ "tcp-connect", wait_connect_begin, wait_connect_prepare, wait_connect, wait_fds_end,
	  false, false },
	{ "udp", wait_udp_begin, NULL, wait_udp, wait_fds_end, false, false },
	{ "unix", wait_unix_begin, NULL, wait_read, wait_fds_end, false, false },
	{ "disk-read", wait_direct_begin, NULL, wait_direct_read, wait_file_end, false, false },
	{ "disk-write", wait_direct_begin, NULL, wait_direct_write, wait_file_end, false, false },
	{ "page-cache", wait_cold_begin, wait_cold_prepare, wait_cold_read, wait_file_end, false,
	  false },
	{ "page-fault", wait_fault_begin, wait_fault_prepare, wait_fault_touch, wait_file_end,
	  false, false },
	{ "fsync", wait_sync_begin, wait_sync_prepare, wait_sync_fsync, wait_file_end, false,
	  false },
	{ "writeback", wait_sync_begin, wait_sync_prepare, wait_sync_range, wait_file_end, false,
	  false },
	{ "userfaultfd", wait_userfault_begin, wait_userfault_prepare, wait_userfault, NULL, false,
	  false },
	{ "child", child_begin, NULL, wait_child, child_end, true, false },
	{ "stopped", stopped_begin, stopped_prepare, wait_stopped, child_end, false, true },
};
const size_t wait_rows_n = sizeof(wait_rows) / sizeof(*wait_rows);
