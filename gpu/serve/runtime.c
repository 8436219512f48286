/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which runtime: NVIDIA's or the emulated one. Both have the same names, so the dynamic linker
 * decides; to change over, the program runs itself again with LD_LIBRARY_PATH set.
 */
#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "server.h"

/* Set for the second run: what the first one called, so that the counts of the process are whole. */
#define CARRY "INFER_SERVE_CARRY"

static bool is_emu(void)
{
	return dlsym(RTLD_DEFAULT, "infbpf_emu_runtime") != NULL;
}

/* Does not return when it works. */
static void run_on_emu(const struct cuda_counts *counts, char **argv)
{
	const char *old = getenv("LD_LIBRARY_PATH");
	char exe[PATH_MAX], copy[PATH_MAX], path[2 * PATH_MAX], carry[96];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0 || getenv(CARRY)) {
		fprintf(stderr, "infer-serve: the emulated runtime is not where it should be\n");
		return;
	}
	exe[n] = '\0';
	memcpy(copy, exe, (size_t)n + 1);
	snprintf(path, sizeof(path), "%s/emu%s%s", dirname(copy), old && *old ? ":" : "",
		 old ? old : "");
	snprintf(carry, sizeof(carry), "%llu %llu %llu",
		 (unsigned long long)counts->calls[CALL_cudaGetDeviceCount],
		 (unsigned long long)counts->errors[CALL_cudaGetDeviceCount],
		 (unsigned long long)counts->error[0].code);
	if (setenv("LD_LIBRARY_PATH", path, 1) || setenv(CARRY, carry, 1))
		return;
	/* Not /proc/self/exe: the process would be called "exe". */
	execv(exe, argv);
	fprintf(stderr, "infer-serve: %s: %s\n", exe, strerror(errno));
}

static void carry_take(struct cuda_counts *counts)
{
	const char *text = getenv(CARRY);
	unsigned long long calls, errors, code;

	if (text && sscanf(text, "%llu %llu %llu", &calls, &errors, &code) == 3) {
		counts->calls[CALL_cudaGetDeviceCount] += calls;
		counts->errors[CALL_cudaGetDeviceCount] += errors;
		cuda_count_error(counts, CALL_cudaGetDeviceCount, code, errors);
	}
}

/* Counted by hand: an error here is no failure but an answer. */
static cudaError_t devices_count(struct cuda_counts *counts, int *n)
{
	cudaError_t err = cudaGetDeviceCount(n);

	counts->calls[CALL_cudaGetDeviceCount]++;
	counts->errors[CALL_cudaGetDeviceCount] += err != cudaSuccess;
	cuda_count_error(counts, CALL_cudaGetDeviceCount, (uint64_t)err, 1);
	return err;
}

const char *runtime_choose(const struct options *o, struct cuda_counts *counts, char **argv)
{
	cudaError_t err;
	int n = 0;

	carry_take(counts);
	if (is_emu()) {
		if (o->device != DEVICE_GPU)
			return "emu";
		fprintf(stderr, "infer-serve: --device gpu: %s\n",
			kernels_for_gpu()
				? "NVIDIA's libcudart was not found, only the emulated one"
				: "built without nvcc, there is no GPU code in it");
		return NULL;
	}
	if (o->device == DEVICE_EMU || !kernels_for_gpu()) {
		if (o->device == DEVICE_GPU)
			fprintf(stderr,
				"infer-serve: --device gpu: built without nvcc, there is no "
				"GPU code in it\n");
		else
			run_on_emu(counts, argv);
		return NULL;
	}
	err = devices_count(counts, &n);
	if (!err && n > 0)
		return "nvidia";
	fprintf(stderr, "infer-serve: no GPU: %s (%d)%s\n", cudaGetErrorString(err), (int)err,
		o->device == DEVICE_AUTO ? "; using the emulated runtime" : "");
	if (o->device == DEVICE_AUTO)
		run_on_emu(counts, argv);
	return NULL;
}
