/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which CUDA calls there are (cuda_api.c) and where they sit in a process (cuda_find.c). */
#ifndef CUDA_H
#define CUDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "infbpf.h"

enum cuda_class { CUDA_LAUNCH, CUDA_COPY, CUDA_SYNC, CUDA_ALLOC, CUDA_OTHER };

/* One row a call. The row's index + 1 is its number in infbpf.h's records. */
struct cuda_call {
	const char *name;	     /* as reported */
	const char *const *variants; /* other exported names that count as this one, NULL-ended */
	const char *api;	     /* "runtime" or "driver" */
	enum cuda_class class;
	uint8_t bytes_arg, times_arg, kind_arg; /* 1-based, 0: none; see COOKIE_MAKE */
	uint8_t fixed_kind; /* the name says the kind: cudaMemcpyKind + 1, 0: no */
};
extern const struct cuda_call cuda_calls[];
extern const size_t cuda_calls_n;

uint64_t cuda_call_cookie(size_t row);
const char *cuda_call_name(unsigned int number); /* row + 1; NULL: no such */
const char *cuda_copy_kind(unsigned int kind);	 /* cudaMemcpyKind + 1 -> "H2D"...; NULL */
const char *cuda_error_name(int code);		 /* NULL: not known */

struct cuda_site {
	uint64_t offset; /* in the file, of the instruction to probe */
	uint64_t cookie;
	uint16_t row; /* of cuda_calls */
	bool costly;  /* the instruction has to be single-stepped: about 10 us a hit */
};

/* One file that holds CUDA entry points. */
struct cuda_lib {
	uint64_t dev, inode; /* as stat() has them */
	char *path;	     /* as the process sees it */
	char *open_path; /* where infbpf can open it: /proc/PID/map_files/... or the like; good for as
			  * long as that process lives */
	const char *api;  /* "runtime" or "driver" */
	bool emu;	  /* gpu/emu's runtime: exports infbpf_emu_runtime */
	bool is_static;	  /* a static runtime inside a program */
	char version[16]; /* "13.0" or "13"; "" unknown */
	struct cuda_site *sites;
	size_t sites_n;
	char why[96]; /* no sites: why not */
};
struct cuda_libs {
	struct cuda_lib *libs;
	size_t n;
	/* Programs looked into for a static runtime and found without, so that they are not read again
	 * each time: pairs of device and inode. */
	uint64_t (*without)[2];
	size_t without_n;
};

/* Adds the CUDA libraries mapped by pid that are not in libs yet (by device and inode). Returns how
 * many were added or a negative errno. */
int cuda_find_process(pid_t pid, struct cuda_libs *libs);
/* The same for one file by path, e.g. one that a program will load. 0 when it is none. */
int cuda_find_file(const char *path, struct cuda_libs *libs);
void cuda_libs_free(struct cuda_libs *libs);

/* Decodes the start of a function: how far in the probe goes so that the kernel emulates the
 * instruction instead of single-stepping it (an endbr64 is stepped over; the stack pointer there is
 * still the one at entry). costly: nothing cheap was found, the offset is 0. */
unsigned int cuda_probe_skip(const uint8_t *code, size_t n, bool *costly);
/* Is the function nothing but a jump (as __cudaLaunchKernel to cudaLaunchKernel)? Probing both ends
 * would count the call twice, with equal stack pointers. to: where it jumps, from its start. */
bool cuda_probe_forwards(const uint8_t *code, size_t n, int64_t *to);

#endif /* CUDA_H */
