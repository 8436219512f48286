// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sigframe.h"

#define STACK_BYTES (64UL << 10)
#define STACK_ALIGN 64

/* In the child only: a handler gets no other argument. */
static int answer_fd;

static void on_signal(int signo, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	unsigned int bytes = (uintptr_t)uc->uc_stack.ss_sp + uc->uc_stack.ss_size - (uintptr_t)uc;

	(void)signo, (void)info;
	_exit(write(answer_fd, &bytes, sizeof(bytes)) == sizeof(bytes) ? 0 : 1);
}

static void take_signal(int fd)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_size = STACK_BYTES };

	answer_fd = fd;
	if (!posix_memalign(&stack.ss_sp, STACK_ALIGN, STACK_BYTES) && !sigaltstack(&stack, NULL) &&
	    !sigaction(SIGUSR1, &action, NULL))
		raise(SIGUSR1);
	_exit(1);
}

unsigned int sigframe_bytes(void)
{
	unsigned int bytes = 0;
	sigset_t none;
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		return 0;
	pid = fork();
	if (!pid) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		take_signal(fds[1]);
	}
	close(fds[1]);
	if (pid < 0 || read(fds[0], &bytes, sizeof(bytes)) != sizeof(bytes) || bytes > STACK_BYTES)
		bytes = 0;
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return bytes;
}
