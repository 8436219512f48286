/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * reads FILE COUNT: the CPU time of a system call, in ns: pread of 4 KiB that the page cache has, then
 * getppid, a call that is none of I/O. Two numbers.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	    4096
#define FILE_BLOCKS 256

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	static char block[BLOCK];
	long count = argc == 3 ? atol(argv[2]) : 0;
	double begin, reads;
	int fd;

	if (count <= 0) {
		fprintf(stderr, "usage: reads FILE COUNT\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (long i = 0; i < FILE_BLOCKS; i++) {
		if (fd < 0 || write(fd, block, BLOCK) != BLOCK) {
			perror(argv[1]);
			return 1;
		}
	}
	begin = cpu_ns();
	for (long i = 0; i < count; i++) {
		if (pread(fd, block, BLOCK, i * 7 % FILE_BLOCKS * BLOCK) != BLOCK) {
			perror("pread");
			return 1;
		}
	}
	reads = cpu_ns() - begin;
	begin = cpu_ns();
	for (long i = 0; i < count; i++)
		syscall(SYS_getppid);
	printf("%.1f %.1f\n", reads / (double)count, (cpu_ns() - begin) / (double)count);
	unlink(argv[1]);
	return 0;
}
