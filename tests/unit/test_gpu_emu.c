/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The emulated runtime keeps CUDA's semantics. Times: what has to last is held to a lower bound
 * exactly; upper bounds leave room for a busy machine.
 *
 * The device is made once a process, so what needs another environment or an untouched process runs
 * in a child: this program again, with the name of a check.
 */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "gpu/cuda_abi.h"
#include "kernels/kernels.h"

#define MS 1000000ULL

static uint64_t clock_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static uint64_t now(void)
{
	return clock_of(CLOCK_MONOTONIC);
}

#define OK(call) assert_int_equal(call, cudaSuccess)

/* Host stubs, as a compiler would register them. */
static void delay_stub(void)
{
}
static void matmul_stub(void)
{
}
static void strange_stub(void)
{
}

static void stub_register(void (*stub)(void), const char *name)
{
	static void **handle;

	if (!handle)
		handle = __cudaRegisterFatBinary(NULL);
	__cudaRegisterFunction(handle, (const char *)stub, (char *)name, name, -1, NULL, NULL, NULL,
			       NULL, NULL);
}

static int setup(void **state)
{
	(void)state;
	stub_register(delay_stub, "delay_kernel");
	stub_register(matmul_stub, "_Z13matmul_kernel11matmul_args");
	stub_register(strange_stub, "_Z7strangePf");
	return cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync);
}

static cudaError_t delay(uint64_t ns, cudaStream_t stream)
{
	struct delay_args a = { ns };
	void *args[] = { &a };

	return cudaLaunchKernel((const void *)delay_stub, (dim3){ 1, 1, 1 }, (dim3){ 32, 1, 1 },
				args, 0, stream);
}

static cudaStream_t stream_new(unsigned int flags)
{
	cudaStream_t s;

	OK(cudaStreamCreateWithFlags(&s, flags));
	return s;
}

static cudaEvent_t event_new(unsigned int flags)
{
	cudaEvent_t e;

	OK(cudaEventCreateWithFlags(&e, flags));
	return e;
}

/* What host functions saw, in order. */
struct log {
	pthread_mutex_t lock;
	int n, seen[64];
};
static struct log log_all = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void log_add(void *number)
{
	pthread_mutex_lock(&log_all.lock);
	log_all.seen[log_all.n++] = (int)(intptr_t)number;
	pthread_mutex_unlock(&log_all.lock);
}

static void log_put(cudaStream_t s, int number)
{
	OK(cudaLaunchHostFunc(s, log_add, (void *)(intptr_t)number));
}

static int log_at(int number)
{
	for (int i = 0; i < log_all.n; i++)
		if (log_all.seen[i] == number)
			return i;
	fail_msg("%d was never run", number);
	return -1;
}

static void test_stream_order(void **state)
{
	cudaStream_t a = stream_new(cudaStreamNonBlocking), b = stream_new(cudaStreamNonBlocking);

	(void)state;
	log_all.n = 0;
	for (int i = 0; i < 10; i++) {
		OK(delay(2 * MS, a));
		log_put(a, i);
	}
	log_put(b, 100); /* has nothing to wait for */
	assert_int_equal(cudaStreamQuery(a), cudaErrorNotReady);
	OK(cudaStreamSynchronize(a));
	OK(cudaStreamSynchronize(b));
	OK(cudaStreamQuery(a));
	assert_int_equal(log_all.n, 11);
	for (int i = 1; i < 10; i++)
		assert_true(log_at(i) > log_at(i - 1));
	assert_true(log_at(100) < log_at(9));
	OK(cudaStreamDestroy(a));
	OK(cudaStreamDestroy(b));
}

static void test_launch_is_asynchronous(void **state)
{
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	uint64_t begin = now(), launched;

	(void)state;
	OK(delay(60 * MS, s));
	launched = now();
	OK(cudaStreamSynchronize(s));
	assert_true(launched - begin < 40 * MS);
	assert_true(now() - begin >= 60 * MS);
	OK(cudaStreamDestroy(s));
}

static void test_times_are_the_models(void **state)
{
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	cudaEvent_t a = event_new(0), b = event_new(0);
	float ms = 0;

	(void)state;
	OK(delay(1 * MS, s)); /* the next launches come while this one runs */
	OK(cudaEventRecord(a, s));
	for (int i = 0; i < 200; i++)
		OK(delay(50000, s));
	OK(cudaEventRecord(b, s));
	assert_int_equal(cudaEventElapsedTime(&ms, a, b), cudaErrorNotReady);
	OK(cudaEventSynchronize(b));
	OK(cudaEventElapsedTime(&ms, a, b));
	/* 200 x 50 us; a late wake-up of a device thread does not add up. */
	assert_true(ms >= 9.999f && ms < 11.0f);
	OK(cudaEventDestroy(a));
	OK(cudaEventDestroy(b));
	OK(cudaStreamDestroy(s));
}

static void test_events(void **state)
{
	cudaStream_t a = stream_new(cudaStreamNonBlocking), b = stream_new(cudaStreamNonBlocking);
	cudaEvent_t e = event_new(cudaEventDisableTiming), timed = event_new(0);
	float ms;

	(void)state;
	OK(cudaEventQuery(e)); /* never recorded: complete */
	OK(cudaEventSynchronize(e));
	log_all.n = 0;
	OK(delay(30 * MS, a));
	log_put(a, 1);
	OK(cudaEventRecord(e, a));
	assert_int_equal(cudaEventQuery(e), cudaErrorNotReady);
	OK(cudaStreamWaitEvent(b, e, 0));
	log_put(b, 2);
	OK(cudaStreamSynchronize(b));
	assert_int_equal(log_all.seen[0], 1);
	assert_int_equal(log_all.seen[1], 2);
	OK(cudaEventQuery(e));
	OK(cudaEventRecord(timed, a));
	OK(cudaEventSynchronize(timed));
	assert_int_equal(cudaEventElapsedTime(&ms, e, timed), cudaErrorInvalidResourceHandle);
	OK(cudaEventDestroy(e));
	assert_int_equal(cudaEventRecord(e, a), cudaErrorInvalidResourceHandle);
	OK(cudaEventDestroy(timed));
	OK(cudaStreamDestroy(a));
	OK(cudaStreamDestroy(b));
	cudaGetLastError();
}

static void test_pageable_blocks_pinned_does_not(void **state)
{
	enum { N = 1 << 20 };
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	char *pageable = calloc(1, N), *pinned, *device;
	uint64_t begin;

	(void)state;
	assert_non_null(pageable);
	OK(cudaMalloc((void **)&device, N));
	OK(cudaMallocHost((void **)&pinned, N));
	memset(pinned, 'p', N);
	OK(cudaMemset(device, 'd', N));
	OK(cudaDeviceSynchronize());
	for (int to_device = 0; to_device < 2; to_device++) {
		enum cudaMemcpyKind kind =
			to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;

		OK(delay(80 * MS, s));
		begin = now();
		OK(cudaMemcpyAsync(to_device ? device : pinned, to_device ? pinned : device, N,
				   kind, s));
		assert_true(now() - begin < 50 * MS);
		if (!to_device)
			assert_int_equal(pinned[0], 'p'); /* its turn has not come */
		begin = now();
		OK(cudaMemcpyAsync(to_device ? device : pageable, to_device ? pageable : device, N,
				   kind, s));
		assert_true(now() - begin >= 20 * MS);
		OK(cudaStreamQuery(s)); /* it waited for its own end */
		assert_int_equal(pinned[0], 'd');
	}
	OK(cudaFree(device));
	OK(cudaFreeHost(pinned));
	free(pageable);
	OK(cudaStreamDestroy(s));
}

/* Small pageable copies to the device are staged: the call returns, the source may change. */
static void test_small_copy_is_staged(void **state)
{
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	char text[64] = "before", back[64] = "", *device;
	uint64_t begin;

	(void)state;
	OK(cudaMalloc((void **)&device, sizeof(text)));
	OK(delay(60 * MS, s));
	begin = now();
	OK(cudaMemcpyAsync(device, text, sizeof(text), cudaMemcpyHostToDevice, s));
	assert_true(now() - begin < 40 * MS);
	strcpy(text, "after");
	OK(cudaMemcpyAsync(back, device, sizeof(back), cudaMemcpyDeviceToHost, s));
	assert_string_equal(back, "before");
	OK(cudaFree(device));
	OK(cudaStreamDestroy(s));
}

static void test_copy_lasts_by_bandwidth(void **state)
{
	enum { N = 12 << 20 }; /* at 12 bytes/ns: 1.05 ms */
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	cudaEvent_t a = event_new(0), b = event_new(0);
	char *pinned, *device;
	float ms = 0;

	(void)state;
	OK(cudaMalloc((void **)&device, N));
	OK(cudaMallocHost((void **)&pinned, N));
	memset(pinned, 1, N);
	OK(cudaMemset(device, 0, N));
	OK(cudaDeviceSynchronize());
	OK(cudaEventRecord(a, s));
	OK(cudaMemcpyAsync(device, pinned, N, cudaMemcpyHostToDevice, s));
	OK(cudaEventRecord(b, s));
	OK(cudaStreamSynchronize(s));
	OK(cudaEventElapsedTime(&ms, a, b));
	assert_true(ms >= 1.04f);
	assert_int_equal(memcmp(device, pinned, N), 0);
	OK(cudaFree(device));
	OK(cudaFreeHost(pinned));
	OK(cudaEventDestroy(a));
	OK(cudaEventDestroy(b));
	OK(cudaStreamDestroy(s));
}

static void test_default_stream(void **state)
{
	cudaStream_t blocking = stream_new(cudaStreamDefault);
	cudaStream_t free_stream = stream_new(cudaStreamNonBlocking);

	(void)state;
	log_all.n = 0;
	OK(delay(30 * MS, blocking));
	log_put(blocking, 1);
	log_put(NULL, 2);	 /* waits for all blocking streams */
	log_put(blocking, 3);	 /* waits for the default stream */
	log_put(free_stream, 4); /* waits for nobody */
	OK(cudaDeviceSynchronize());
	assert_int_equal(log_all.n, 4);
	assert_true(log_at(1) < log_at(2) && log_at(2) < log_at(3));
	assert_int_equal(log_at(4), 0);
	OK(cudaStreamDestroy(blocking));
	OK(cudaStreamDestroy(free_stream));
}

static void *thread_default(void *arg)
{
	(void)arg;
	OK(delay(50 * MS, cudaStreamPerThread));
	OK(cudaStreamSynchronize(cudaStreamPerThread));
	return NULL;
}

/* The streams of two threads are two: one is idle while the other works. */
static void test_per_thread_stream(void **state)
{
	pthread_t t;
	bool idle = false;
	uint64_t begin = now();

	(void)state;
	OK(cudaStreamQuery(cudaStreamPerThread));
	assert_int_equal(pthread_create(&t, NULL, thread_default, NULL), 0);
	while (now() - begin < 20 * MS)
		idle = cudaStreamQuery(cudaStreamPerThread) == cudaSuccess;
	assert_true(idle);
	pthread_join(t, NULL);
	assert_true(now() - begin >= 50 * MS);
}

static void test_sync_spins_or_blocks(void **state)
{
	uint64_t cpu[2];

	(void)state;
	for (int spin = 0; spin < 2; spin++) {
		OK(cudaSetDeviceFlags(spin ? cudaDeviceScheduleSpin
					   : cudaDeviceScheduleBlockingSync));
		OK(delay(80 * MS, NULL));
		cpu[spin] = clock_of(CLOCK_THREAD_CPUTIME_ID);
		OK(cudaDeviceSynchronize());
		cpu[spin] = clock_of(CLOCK_THREAD_CPUTIME_ID) - cpu[spin];
	}
	assert_true(cpu[0] < 5 * MS);
	assert_true(cpu[1] > 10 * MS);
	OK(cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync));
	/* For an event its own flag counts, not the device's. */
	for (int spin = 0; spin < 2; spin++) {
		cudaEvent_t e = event_new(spin ? 0 : cudaEventBlockingSync);

		OK(delay(80 * MS, NULL));
		OK(cudaEventRecord(e, NULL));
		cpu[spin] = clock_of(CLOCK_THREAD_CPUTIME_ID);
		OK(cudaEventSynchronize(e));
		cpu[spin] = clock_of(CLOCK_THREAD_CPUTIME_ID) - cpu[spin];
		OK(cudaEventDestroy(e));
	}
	assert_true(cpu[0] < 5 * MS);
	assert_true(cpu[1] > 10 * MS);
	assert_int_equal(cudaSetDeviceFlags(cudaDeviceScheduleSpin | cudaDeviceScheduleYield),
			 cudaErrorInvalidValue);
	cudaGetLastError();
}

static void test_kernel_computes(void **state)
{
	float host[] = { 1, 2, 3, 4, 5, 6 }, out[2], *device;
	struct matmul_args a = { .rows = 1, .in = 2, .out_dim = 2 };
	void *args[] = { &a };

	(void)state;
	OK(cudaMalloc((void **)&device, 8 * sizeof(float)));
	OK(cudaMemcpy(device, host, sizeof(host), cudaMemcpyHostToDevice));
	a.x = device;
	a.weight = device + 2;
	a.out = device + 6;
	OK(cudaLaunchKernel((const void *)matmul_stub, (dim3){ 1, 1, 1 }, (dim3){ 32, 1, 1 }, args,
			    0, NULL));
	memset(&a, 0xff, sizeof(a)); /* arguments are taken at the call */
	OK(cudaMemcpy(out, device + 6, sizeof(out), cudaMemcpyDeviceToHost));
	assert_true(out[0] == 11.0f && out[1] == 17.0f);
	OK(cudaFree(device));
}

static void test_copy_errors(void **state)
{
	char host[32], *device;

	(void)state;
	OK(cudaMalloc((void **)&device, 32));
	assert_int_equal(cudaMemcpy(device, host, 32, 7), cudaErrorInvalidMemcpyDirection);
	assert_int_equal(cudaMemcpy(device, host, 33, cudaMemcpyHostToDevice),
			 cudaErrorInvalidValue);
	assert_int_equal(cudaMemcpy(device, host, 32, cudaMemcpyDeviceToHost),
			 cudaErrorInvalidValue);
	assert_int_equal(cudaMemcpy(NULL, host, 32, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
	assert_int_equal(cudaMemset(host, 0, 32), cudaErrorInvalidValue);
	assert_int_equal(
		cudaMemcpyAsync(device, host, 32, cudaMemcpyHostToDevice, (cudaStream_t)host),
		cudaErrorInvalidResourceHandle);
	assert_int_equal(cudaMemcpy2D(device, 4, host, 8, 8, 2, cudaMemcpyHostToDevice),
			 cudaErrorInvalidPitchValue);
	OK(cudaMemcpy(device, host, 0, cudaMemcpyHostToDevice));
	assert_int_equal(cudaFree(host), cudaErrorInvalidValue);
	assert_int_equal(cudaFreeHost(device), cudaErrorInvalidValue);
	OK(cudaFree(device));
	assert_int_equal(cudaFree(device), cudaErrorInvalidValue);
	OK(cudaFree(NULL));
	cudaGetLastError();
}

static void test_last_error(void **state)
{
	cudaStream_t s = stream_new(cudaStreamNonBlocking);

	(void)state;
	OK(cudaGetLastError());
	OK(delay(20 * MS, s));
	assert_int_equal(cudaStreamQuery(s), cudaErrorNotReady);
	OK(cudaPeekAtLastError()); /* "not ready" is no error */
	assert_int_equal(cudaLaunchKernel((const void *)delay_stub, (dim3){ 0, 1, 1 },
					  (dim3){ 32, 1, 1 }, NULL, 0, s),
			 cudaErrorInvalidConfiguration);
	assert_int_equal(cudaPeekAtLastError(), cudaErrorInvalidConfiguration);
	OK(cudaStreamSynchronize(s)); /* success does not clear it */
	assert_int_equal(cudaGetLastError(), cudaErrorInvalidConfiguration);
	OK(cudaGetLastError());
	assert_int_equal(cudaLaunchKernel((const void *)test_last_error, (dim3){ 1, 1, 1 },
					  (dim3){ 1025, 1, 1 }, NULL, 0, s),
			 cudaErrorInvalidDeviceFunction);
	OK(cudaStreamDestroy(s));
	assert_int_equal(cudaStreamSynchronize(s), cudaErrorInvalidResourceHandle);
	cudaGetLastError();
	assert_string_equal(cudaGetErrorName(cudaErrorNoDevice), "cudaErrorNoDevice");
	assert_string_equal(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
}

/* A kernel that reads host memory ends everything until cudaDeviceReset. */
static void test_sticky_error(void **state)
{
	static float host[64];
	struct matmul_args a = {
		.out = host, .x = host, .weight = host, .rows = 1, .in = 1, .out_dim = 1
	};
	void *args[] = { &a }, *p;

	(void)state;
	OK(cudaLaunchKernel((const void *)matmul_stub, (dim3){ 1, 1, 1 }, (dim3){ 32, 1, 1 }, args,
			    0, NULL));
	assert_int_equal(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
	assert_int_equal(cudaMalloc(&p, 16), cudaErrorIllegalAddress);
	cudaGetLastError();
	assert_int_equal(cudaGetLastError(), cudaErrorIllegalAddress);
	OK(cudaDeviceReset());
	OK(cudaGetLastError());
	OK(cudaMalloc(&p, 16));
	OK(cudaFree(p));
	OK(cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync));
}

static void test_memory(void **state)
{
	struct cudaPointerAttributes at;
	size_t before, during, after, total;
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	char *p, host[16];

	(void)state;
	OK(cudaMemGetInfo(&before, &total));
	OK(cudaMallocAsync((void **)&p, 1 << 20, s));
	OK(cudaMemGetInfo(&during, &total));
	assert_int_equal(before - during, 1 << 20);
	OK(cudaPointerGetAttributes(&at, p + 100));
	assert_int_equal(at.type, cudaMemoryTypeDevice);
	OK(delay(20 * MS, s));
	OK(cudaFreeAsync(p, s)); /* in the stream's order */
	OK(cudaMemGetInfo(&during, &total));
	assert_int_equal(before - during, 1 << 20);
	OK(cudaStreamSynchronize(s));
	OK(cudaMemGetInfo(&after, &total));
	assert_int_equal(before, after);
	OK(cudaMalloc((void **)&p, 0));
	assert_null(p);
	assert_int_equal(cudaMalloc((void **)&p, (size_t)1 << 50), cudaErrorMemoryAllocation);
	OK(cudaPointerGetAttributes(&at, host));
	assert_int_equal(at.type, cudaMemoryTypeUnregistered);
	OK(cudaHostRegister(host, sizeof(host), 0));
	assert_int_equal(cudaHostRegister(host + 1, 1, 0), cudaErrorHostMemoryAlreadyRegistered);
	OK(cudaPointerGetAttributes(&at, host));
	assert_int_equal(at.type, cudaMemoryTypeHost);
	OK(cudaHostUnregister(host));
	assert_int_equal(cudaHostUnregister(host), cudaErrorHostMemoryNotRegistered);
	OK(cudaStreamDestroy(s));
	cudaGetLastError();
}

static void test_nvcc_calls(void **state)
{
	dim3 grid, block;
	size_t shared;
	cudaStream_t s = stream_new(cudaStreamNonBlocking), popped = NULL;
	cudaKernel_t kernel;
	struct delay_args a = { 10 * MS };
	void *args[] = { &a };
	uint64_t begin = now();

	(void)state;
	assert_int_equal(__cudaPopCallConfiguration(&grid, &block, &shared, &popped),
			 cudaErrorMissingConfiguration);
	cudaGetLastError();
	assert_int_equal(__cudaPushCallConfiguration((dim3){ 2, 3, 4 }, (dim3){ 32, 1, 1 }, 5, s),
			 0);
	OK(__cudaPopCallConfiguration(&grid, &block, &shared, &popped));
	assert_int_equal(grid.x * 100 + grid.y * 10 + grid.z, 234);
	assert_int_equal(shared, 5);
	assert_ptr_equal(popped, s);
	OK(__cudaGetKernel(&kernel, (const void *)delay_stub));
	OK(__cudaLaunchKernel(kernel, grid, block, args, shared, s));
	OK(cudaStreamSynchronize(s));
	assert_true(now() - begin >= 10 * MS);
	/* A kernel without a body takes its time and says so once. */
	OK(cudaLaunchKernel((const void *)strange_stub, grid, block, NULL, 0, s));
	OK(cudaStreamSynchronize(s));
	OK(cudaStreamDestroy(s));
}

static void test_device_threads(void **state)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *d;
	int found = 0;

	(void)state;
	assert_non_null(dir);
	while ((d = readdir(dir))) {
		char path[300], name[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", d->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f) && !strncmp(name, "emu-gpu/", 8))
			found++;
		fclose(f);
	}
	closedir(dir);
	assert_int_equal(found, 4);
}

static void test_fork(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(cudaDeviceSynchronize() == cudaErrorInitializationError ? 0 : 1);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- checks that run in a child --- */
static int check_no_device(void)
{
	int n = 5;
	void *p;

	return cudaGetDeviceCount(&n) != cudaErrorNoDevice || n ||
	       cudaMalloc(&p, 1) != cudaErrorNoDevice;
}

static int check_memory_limit(void)
{
	void *p, *q;

	return cudaMalloc(&p, 600 << 10) ||
	       cudaMalloc(&q, 600 << 10) != cudaErrorMemoryAllocation || cudaFree(p) ||
	       cudaMalloc(&q, 600 << 10);
}

/* The queue takes 4: the fifth launch waits for the first to end. */
static int check_queue_full(void)
{
	uint64_t begin = now(), before_last;

	for (int i = 0; i < 4; i++)
		if (delay(50 * MS, NULL))
			return 1;
	before_last = now();
	if (delay(50 * MS, NULL))
		return 2;
	return before_last - begin > 45 * MS ? 3 : now() - begin < 50 * MS ? 4 : 0;
}

static int check_unknown_is_error(void)
{
	return cudaLaunchKernel((const void *)strange_stub, (dim3){ 1, 1, 1 }, (dim3){ 1, 1, 1 },
				NULL, 0, NULL) != cudaErrorInvalidDeviceFunction;
}

/* 30 ms for this kernel by name, whatever the others take. */
static int check_kernel_time(void)
{
	uint64_t begin = now();

	if (cudaLaunchKernel((const void *)strange_stub, (dim3){ 1, 1, 1 }, (dim3){ 1, 1, 1 }, NULL,
			     0, NULL) ||
	    cudaDeviceSynchronize())
		return 1;
	return now() - begin < 30 * MS ? 2 : 0;
}

struct check {
	const char *name, *variable, *value;
	int (*run)(void);
};
static const struct check checks[] = {
	{ "no_device", "INFBPF_EMU_DEVICES", "0", check_no_device },
	{ "memory_limit", "INFBPF_EMU_MEM_MB", "1", check_memory_limit },
	{ "queue_full", "INFBPF_EMU_QUEUE", "4", check_queue_full },
	{ "unknown_is_error", "INFBPF_EMU_UNKNOWN", "error", check_unknown_is_error },
	{ "kernel_time", "INFBPF_EMU_KERNEL_US", "5,_Z7strangePf=30000", check_kernel_time },
};

static void test_environment(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int status = 0;
		pid_t pid = fork();

		if (!pid) {
			setenv(checks[i].variable, checks[i].value, 1);
			execl("/proc/self/exe", "test_gpu_emu", checks[i].name, (char *)NULL);
			_exit(127);
		}
		assert_true(pid > 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status)
			fail_msg("%s: status %#x", checks[i].name, status);
	}
}

static int check_main(const char *name)
{
	stub_register(delay_stub, "delay_kernel");
	stub_register(strange_stub, "_Z7strangePf");
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		if (!strcmp(checks[i].name, name))
			_exit(checks[i].run());
	return 126;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream_order),
		cmocka_unit_test(test_launch_is_asynchronous),
		cmocka_unit_test(test_times_are_the_models),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_pageable_blocks_pinned_does_not),
		cmocka_unit_test(test_small_copy_is_staged),
		cmocka_unit_test(test_copy_lasts_by_bandwidth),
		cmocka_unit_test(test_default_stream),
		cmocka_unit_test(test_per_thread_stream),
		cmocka_unit_test(test_sync_spins_or_blocks),
		cmocka_unit_test(test_kernel_computes),
		cmocka_unit_test(test_copy_errors),
		cmocka_unit_test(test_last_error),
		cmocka_unit_test(test_sticky_error),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_nvcc_calls),
		cmocka_unit_test(test_device_threads),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_environment),
	};

	if (argc > 1)
		return check_main(argv[1]);
	return cmocka_run_group_tests(tests, setup, NULL);
}
