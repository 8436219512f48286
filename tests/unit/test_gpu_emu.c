/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The emulated runtime keeps CUDA's order and times (errors, memory: test_gpu_emu_errors.c). What
 * has to last is held to a lower bound exactly; upper bounds leave room for a busy machine.
 */
#include "gpu_emu.h"

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
	OK(delay(20 * MS, s)); /* the next launches come while this one runs */
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

/* A copy or host function that waits for its stream holds no other stream's up. */
static void test_streams_overlap(void **state)
{
	cudaStream_t a = stream_new(cudaStreamNonBlocking), b = stream_new(cudaStreamNonBlocking);
	char *pinned, *device;
	uint64_t begin;

	(void)state;
	OK(cudaMalloc((void **)&device, 64));
	OK(cudaMallocHost((void **)&pinned, 64));
	log_all.n = 0;
	OK(delay(150 * MS, a));
	OK(cudaMemcpyAsync(pinned, device, 32, cudaMemcpyDeviceToHost, a));
	log_put(a, 1);
	usleep(5000);
	begin = now();
	OK(cudaMemcpyAsync(pinned + 32, device, 32, cudaMemcpyDeviceToHost, b));
	log_put(b, 2);
	OK(cudaStreamSynchronize(b));
	assert_true(now() - begin < 100 * MS);
	OK(cudaStreamSynchronize(a));
	assert_int_equal(log_at(2), 0);
	OK(cudaFree(device));
	OK(cudaFreeHost(pinned));
	OK(cudaStreamDestroy(a));
	OK(cudaStreamDestroy(b));
}

static void test_default_stream(void **state)
{
	cudaStream_t blocking = stream_new(cudaStreamDefault);
	cudaStream_t free_stream = stream_new(cudaStreamNonBlocking);

	(void)state;
	log_all.n = 0;
	OK(delay(100 * MS, blocking));
	log_put(blocking, 1);
	log_put(NULL, 2);	 /* waits for all blocking streams */
	log_put(blocking, 3);	 /* waits for the default stream */
	usleep(5000);		 /* the others have settled by now */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream_order),
		cmocka_unit_test(test_launch_is_asynchronous),
		cmocka_unit_test(test_times_are_the_models),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_pageable_blocks_pinned_does_not),
		cmocka_unit_test(test_small_copy_is_staged),
		cmocka_unit_test(test_copy_lasts_by_bandwidth),
		cmocka_unit_test(test_streams_overlap),
		cmocka_unit_test(test_default_stream),
		cmocka_unit_test(test_per_thread_stream),
		cmocka_unit_test(test_sync_spins_or_blocks),
		cmocka_unit_test(test_kernel_computes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
