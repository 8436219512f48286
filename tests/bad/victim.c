/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * victim [FILE OFFSET]: computes until it is killed, most of the time in the code at OFFSET of
 * FILE, which is mapped executable as it is: no loader looks at it, so it can be as corrupt an ELF
 * file as a test likes. The code is a function void f(unsigned long rounds). Without a file: in its
 * own function.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile unsigned long count;

__attribute__((noinline)) static void victim_own_code(unsigned long rounds)
{
	while (rounds--)
		count++;
}

static void *map_code(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *at;

	if (fd < 0 || fstat(fd, &st) != 0) {
		perror(path);
		exit(1);
	}
	at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	close(fd);
	return at;
}

int main(int argc, char **argv)
{
	void (*code)(unsigned long) = victim_own_code;

	if (argc == 3)
		code = (void (*)(unsigned long))((char *)map_code(argv[1]) +
						 strtoul(argv[2], NULL, 0));
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		return 1;
	for (;;)
		code(1000000);
}
