/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs whose CUDA calls are in a library of their own: start_main() there is tests/truth/cuda's
 * cuda.c. With -DLIBRARY="name" the library comes by dlopen, two seconds after the start; with -DFORKED
 * in a child that was forked before it, as preforking servers do.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef LIBRARY
int main(int argc, char **argv)
{
	int (*start_main)(int, char **);
	void *library;

#ifdef FORKED
	int status;
	pid_t child = fork();

	if (child) {
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 1;
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
#endif
	sleep(2);
	library = dlopen(LIBRARY, RTLD_NOW);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	*(void **)&start_main = dlsym(library, "start_main");
	/* By then it has been seen. */
	usleep(1300000);
	return start_main(argc, argv);
}
#else
int start_main(int argc, char **argv);

int main(int argc, char **argv)
{
	return start_main(argc, argv);
}
#endif
