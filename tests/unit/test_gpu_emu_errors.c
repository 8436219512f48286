/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The emulated runtime: errors, memory, what nvcc's code calls, the environment.
 *
 * The device is made once a process, so what needs another environment or an untouched process runs
 * in a child: this program again, with the name of a check.
 */
#include <dirent.h>
#include <sys/wait.h>
#include "gpu_emu.h"

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
			execl("/proc/self/exe", "test_gpu_emu_errors", checks[i].name,
			      (char *)NULL);
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
		cmocka_unit_test(test_copy_errors),  cmocka_unit_test(test_last_error),
		cmocka_unit_test(test_sticky_error), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_nvcc_calls),   cmocka_unit_test(test_device_threads),
		cmocka_unit_test(test_fork),	     cmocka_unit_test(test_environment),
	};

	if (argc > 1)
		return check_main(argv[1]);
	return cmocka_run_group_tests(tests, setup, NULL);
}
