/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A thread for each way to wait that the C and C++ libraries offer, named after it, with a chain of
 * its own: NAME_thread, NAME_a, NAME_b, the library. A wait takes 20 ms, or with an argument that
 * many ms; those without a timeout are ended by the ticker.
 */
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "known.h"

namespace
{

long wait_ms = 20;

pthread_mutex_t cond_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t never = PTHREAD_COND_INITIALIZER;
pthread_mutex_t tick_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t tick = PTHREAD_COND_INITIALIZER;
pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER; /* by the ticker, nearly always */
pthread_rwlock_t rw_held = PTHREAD_RWLOCK_INITIALIZER;
pthread_barrier_t barrier;
std::mutex cv_lock, cv_tick_lock;
std::condition_variable cv_never, cv_tick;
sem_t sem_never, sem_tick;
std::array<int, 2> read_pipe, file_pipe, sockets, messages;
int epoll_fd, event_fd, listener;

void check(int result, const char *what)
{
	if (result < 0)
		known_die(what);
}

struct timespec from_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_sec += wait_ms / 1000;
	t.tv_nsec += wait_ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

struct timespec how_long()
{
	return {wait_ms / 1000, wait_ms % 1000 * 1000000};
}

/* A wait: what is done once, and its chain of functions. */
#define WAIT(NAME, ...)                     \
	FRAME void NAME##_b()               \
	{                                   \
		__VA_ARGS__                 \
		BACK();                     \
	}                                   \
	FRAME void NAME##_a()               \
	{                                   \
		NAME##_b();                 \
		BACK();                     \
	}                                   \
	FRAME void *NAME##_thread(void *)   \
	{                                   \
		prctl(PR_SET_NAME, #NAME);  \
		for (;;)                    \
			NAME##_a();         \
	}

WAIT(cond_timed, struct timespec t = from_now(CLOCK_REALTIME); pthread_mutex_lock(&cond_lock);
     pthread_cond_timedwait(&never, &cond_lock, &t); pthread_mutex_unlock(&cond_lock);)
WAIT(cond, pthread_mutex_lock(&tick_lock); pthread_cond_wait(&tick, &tick_lock);
     pthread_mutex_unlock(&tick_lock);)
WAIT(mutex, pthread_mutex_lock(&held); pthread_mutex_unlock(&held);)
WAIT(rwlock, pthread_rwlock_rdlock(&rw_held); pthread_rwlock_unlock(&rw_held);)
WAIT(barrier, pthread_barrier_wait(&barrier);)
WAIT(poll, struct pollfd p = {read_pipe[1], 0, 0}; poll(&p, 1, (int)wait_ms);)
WAIT(ppoll, struct pollfd p = {read_pipe[1], 0, 0}; struct timespec t = how_long();
     ppoll(&p, 1, &t, nullptr);)
WAIT(read, char c; check((int)read(read_pipe[0], &c, 1), "read");)
WAIT(eventfd, uint64_t n; check((int)read(event_fd, &n, 8), "eventfd");)
WAIT(nanosleep, struct timespec t = how_long(); nanosleep(&t, nullptr);)
WAIT(usleep, usleep((useconds_t)wait_ms * 1000);)
WAIT(epoll, struct epoll_event e; epoll_wait(epoll_fd, &e, 1, (int)wait_ms);)
WAIT(cv_for, std::unique_lock<std::mutex> l(cv_lock);
     cv_never.wait_for(l, std::chrono::milliseconds(wait_ms));)
WAIT(cv, std::unique_lock<std::mutex> l(cv_tick_lock); cv_tick.wait(l);)
WAIT(sem_timed, struct timespec t = from_now(CLOCK_REALTIME); sem_timedwait(&sem_never, &t);)
WAIT(sem, sem_wait(&sem_tick);)
WAIT(select, struct timeval t = {wait_ms / 1000, wait_ms % 1000 * 1000};
     select(0, nullptr, nullptr, nullptr, &t);)
WAIT(recv, char c; check((int)recv(sockets[0], &c, 1, 0), "recv");)
WAIT(recvmsg, char c; struct iovec v = {&c, 1}; struct msghdr m = {}; m.msg_iov = &v;
     m.msg_iovlen = 1; check((int)recvmsg(messages[0], &m, 0), "recvmsg");)
WAIT(accept, int fd = accept(listener, nullptr, nullptr); check(fd, "accept"); close(fd);)
WAIT(sigwait, sigset_t s; sigemptyset(&s); sigaddset(&s, SIGUSR2); struct timespec t = how_long();
     sigtimedwait(&s, nullptr, &t);)

/* Through stdio: a library function calls another. */
FILE *file;
WAIT(fgetc, if (fgetc(file) < 0) known_die("fgetc");)

void connect_once(const struct sockaddr_un &name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	check(fd, "socket");
	check(connect(fd, reinterpret_cast<const struct sockaddr *>(&name), sizeof(name)), "connect");
	close(fd);
}

/* Ends the waits that have no timeout. */
void ticker(const struct sockaddr_un &name)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&held);
	pthread_rwlock_wrlock(&rw_held);
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct timespec t = how_long();

		nanosleep(&t, nullptr);
		pthread_cond_broadcast(&tick);
		cv_tick.notify_all();
		sem_post(&sem_tick);
		check((int)write(read_pipe[1], "x", 1), "write");
		check((int)write(file_pipe[1], "x", 1), "write");
		check((int)write(event_fd, &one, 8), "write");
		check((int)send(sockets[1], "x", 1, 0), "send");
		check((int)send(messages[1], "x", 1, 0), "send");
		connect_once(name);
		pthread_mutex_unlock(&held);
		pthread_rwlock_unlock(&rw_held);
		pthread_barrier_wait(&barrier);
		/* The waiters go first: they have been woken, or sleep until then. */
		usleep(100);
		pthread_mutex_lock(&held);
		pthread_rwlock_wrlock(&rw_held);
	}
}

void open_all(struct sockaddr_un &name)
{
	check(pipe(read_pipe.data()), "pipe");
	check(pipe(file_pipe.data()), "pipe");
	file = fdopen(file_pipe[0], "r");
	if (!file)
		known_die("fdopen");
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()), "socketpair");
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, messages.data()), "socketpair");
	epoll_fd = epoll_create1(0);
	check(epoll_fd, "epoll_create1");
	event_fd = eventfd(0, 0);
	check(event_fd, "eventfd");
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	check(listener, "socket");
	/* Abstract: no file to leave behind. */
	name.sun_family = AF_UNIX;
	snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "infbpf-waits-%d", (int)getpid());
	check(bind(listener, reinterpret_cast<const struct sockaddr *>(&name), sizeof(name)), "bind");
	check(listen(listener, 8), "listen");
	sem_init(&sem_never, 0, 0);
	sem_init(&sem_tick, 0, 0);
	pthread_barrier_init(&barrier, nullptr, 2);
}

void *(*const threads[])(void *) = {
	cond_timed_thread, cond_thread,	  mutex_thread,	    rwlock_thread, barrier_thread,
	poll_thread,	   ppoll_thread,  read_thread,	    eventfd_thread, nanosleep_thread,
	usleep_thread,	   epoll_thread,  cv_for_thread,    cv_thread,	   sem_timed_thread,
	sem_thread,	   select_thread, recv_thread,	    recvmsg_thread, accept_thread,
	sigwait_thread,	   fgetc_thread,
};

} // namespace

int main(int argc, char **argv)
{
	struct sockaddr_un name = {};
	sigset_t s;

	if (argc > 1)
		wait_ms = atol(argv[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &s, nullptr);
	open_all(name);
	for (auto run : threads) {
		pthread_t t;

		if (pthread_create(&t, nullptr, run, nullptr) != 0)
			known_die("pthread_create");
	}
	ticker(name);
}
