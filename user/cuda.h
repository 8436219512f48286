/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which CUDA calls there are (cuda_api.c) and where they sit in a file (cuda_lib.c) and in
 * a process (cuda_find.c). */
#ifndef CUDA_H
#define CUDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "file_ids.h"
#include "infbpf.h"

/* What --gpu-calls chooses by. The names are in cuda_select.c. */
enum cuda_group {
	CUDA_LAUNCH,
	CUDA_COPY,
	CUDA_SET,
	CUDA_SYNC,
	CUDA_QUERY,
	CUDA_ALLOC,
	CUDA_STREAM,
	CUDA_EVENT,
	CUDA_GRAPH,
	CUDA_HOST,	 /* host functions on a stream */
	CUDA_MODULE,	 /* code loaded, functions looked up */
	CUDA_COLLECTIVE, /* NCCL */
	CUDA_OTHER,
	CUDA_GROUPS,
};

/*
 * One row a call. The row's index + 1 is its number in infbpf.h's records. Argument numbers are
 * 1-based, 0: none; see COOKIE_CALL.
 */
struct cuda_call {
	const char *name;	     /* as reported */
	const char *const *variants; /* other exported names that count as this one, NULL-ended */
	enum call_api api;
	enum cuda_group group;
	bool on_request; /* only if its group is named, or all are asked for */
	enum call_what what;
	uint8_t bytes_arg, times_arg, kind_arg;
	uint8_t fixed_kind; /* the name says the kind: cudaMemcpyKind + 1, 0: no */
	uint8_t stream_arg; /* or STREAM_DEFAULT_ARG */
	/* CALL_LAUNCH: the function or graph. CALL_ALLOC, CALL_NAMED: where the address or handle is
	 * put (MEMORY_REGISTERED: the address itself). CALL_FREE: what is freed. CALL_REGISTER: the
	 * launch stub. */
	uint8_t object_arg;
	uint8_t dst_arg, src_arg; /* of a copy that may be of kind "default" */
	/* CALL_NAMED, CALL_REGISTER: a string. CALL_NAMED with a negative number: the argument is another
	 * object, whose name this one has. */
	int8_t name_arg;
	enum memory_kind memory;
	enum call_shape shape;
};
extern const struct cuda_call cuda_calls[];
extern const size_t cuda_calls_n;

/* The row that an exported name belongs to; cuda_calls_n: none. per_thread (may be NULL): the name is a
 * variant (_ptsz, _ptds) for which stream 0 is the thread's own. */
size_t cuda_call_row(const char *name, bool *per_thread);
/* per_thread: probed under a name for which stream 0 is the thread's own (_ptsz, _ptds). */
uint64_t cuda_call_cookie(size_t row, bool per_thread);
const char *cuda_call_name(unsigned int number); /* row + 1; NULL: no such */
const char *cuda_api_name(enum call_api api);	 /* "runtime", "driver", "nccl" */
const char *cuda_group_name(enum cuda_group group);
const char *cuda_copy_kind(unsigned int kind);	 /* cudaMemcpyKind + 1 -> "H2D"...; NULL */
const char *cuda_memory_kind(unsigned int kind); /* enum memory_kind -> "device"...; NULL */
/* "cudaErrorMemoryAllocation", "CUDA_ERROR_OUT_OF_MEMORY", "ncclInvalidUsage"; NULL: not known. */
const char *cuda_error_name(enum call_api api, int code);

/*
 * cuda_select.c: --gpu-calls. Sets chosen[row] for each row of cuda_calls (room for cuda_calls_n).
 * list: words with commas between them, in any order.
 *   launch, copy, set, sync, query, alloc, stream, event, graph, host, module, other:
 *            that group, the calls that are there on request only included
 *   nccl     NCCL's calls, a group as well
 *   default  all but what is there on request; all: all; none: no group
 *   runtime, driver
 *            of the other words' calls only those of this library (of both if both are named); with
 *            no other words but nccl, of the default ones
 * So "runtime,nccl" is the default calls of the runtime, and NCCL's.
 * Where launches are chosen, so are the calls that name kernels (CALL_NAMED, CALL_REGISTER), of the
 * same libraries. -EINVAL: bad points to the word that is none (bad_n bytes, 0: an empty one).
 */
int cuda_select(const char *list, bool *chosen, const char **bad, size_t *bad_n);

/* A place to probe. Several calls may share one. */
struct cuda_site {
	uint64_t offset; /* in the file, of the instruction to probe */
	uint64_t cookie;
	uint16_t row;	/* of cuda_calls */
	uint16_t leads; /* all it does is jump to this call: its row + 1, 0: no such */
	bool costly;	/* the instruction has to be single-stepped: about 10 us a hit */
};

/* One file that holds CUDA calls, or would and does not show them. */
struct cuda_lib {
	uint64_t dev, inode; /* as stat() has them */
	char *path;	     /* as the first process sees it in which it was found */
	enum call_api api;
	bool emu;	/* gpu/emu's runtime: exports infbpf_emu_runtime */
	bool is_static; /* a runtime linked into a program or another library */
	bool stripped;	/* and its names are gone: its calls are seen in the driver library only */
	bool unopened;	/* it could not be opened; nothing is known of it */
	bool probed;	/* left to the caller */
	char version[16]; /* "13.0" or "13"; "" unknown */
	struct cuda_site *sites;
	size_t sites_n;
	char why[96]; /* no sites: why not */
};

/* The files looked into so far, each once however many processes map it. */
struct cuda_libs {
	struct cuda_lib *libs;
	size_t n, room;
	struct file_ids without; /* nothing of CUDA is in them */
	/* Bytes of symbol tables read in files whose names do not tell; from read_limit on (0: none) such
	 * files wait for a later look. */
	uint64_t read, read_limit;
	size_t unread; /* left out for good: all together were more than is read of other people's files */
};

/* What a process maps of these. */
struct cuda_process {
	struct cuda_use {
		size_t lib;	 /* in struct cuda_libs */
		char *open_path; /* where infbpf can open it: /proc/PID/map_files/... or the like; good
				  * for as long as that process lives */
	} * uses;
	size_t n, room;
	struct file_ids seen; /* mappings looked at: dev and inode as /proc/PID/maps has them */
};

/* Adds the files with CUDA calls mapped by pid that p does not have yet. Returns how many were added or
 * a negative errno. */
int cuda_find_process(pid_t pid, struct cuda_libs *libs, struct cuda_process *p);
/* The same where its mappings have been read. */
struct proc_maps;
int cuda_find_maps(pid_t pid, const struct proc_maps *maps, struct cuda_libs *libs,
		   struct cuda_process *p);
/* The same for one file by path, e.g. one that a program will load. 0 when it is none. */
int cuda_find_file(const char *path, struct cuda_libs *libs, struct cuda_process *p);
/* It is another program now: none of its mappings is the one that was looked at. */
void cuda_process_forget(struct cuda_process *p);
void cuda_process_free(struct cuda_process *p);
void cuda_libs_free(struct cuda_libs *libs);

/* cuda_lib.c: one file. */
/* The API that a file's name tells ("libcudart-9335f6a2.so.12"), -1: it is not called like a CUDA
 * library. */
int cuda_lib_api(const char *path);
/* Looks into an open file, which it closes. Fills all of lib but what names the file. Returns 1, 0 when
 * there is nothing of CUDA in it, or a negative errno with nothing to be freed. read: see struct
 * cuda_libs. */
int cuda_lib_look(struct cuda_lib *lib, const char *path, int fd, uint64_t *read);
void cuda_lib_free(struct cuda_lib *lib);

/* Decodes the start of a function: how far in the probe goes so that the kernel emulates the
 * instruction instead of single-stepping it (an endbr64 is stepped over; the stack pointer there is
 * still the one at entry). costly: nothing cheap was found, the offset is 0. */
unsigned int cuda_probe_skip(const uint8_t *code, size_t n, bool *costly);
/* Is the function nothing but a jump (as __cudaLaunchKernel to cudaLaunchKernel)? Probing both ends
 * would count the call twice, with equal stack pointers. to: where it jumps, from its start. */
bool cuda_probe_forwards(const uint8_t *code, size_t n, int64_t *to);

#endif /* CUDA_H */
