/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The emulated runtime's graphs: what is captured, how it is replayed, what may not be done. */
#include "gpu_emu.h"

static int log_n, log_seen[64];

static void log_add(void *number)
{
	log_seen[log_n++] = (int)(intptr_t)number;
}

static void log_put(cudaStream_t s, int number)
{
	OK(cudaLaunchHostFunc(s, log_add, (void *)(intptr_t)number));
}

static size_t nodes_n(cudaGraph_t g)
{
	size_t n = 0;

	OK(cudaGraphGetNodes(g, NULL, &n));
	return n;
}

static enum cudaStreamCaptureStatus status_of(cudaStream_t s)
{
	enum cudaStreamCaptureStatus status;

	OK(cudaStreamIsCapturing(s, &status));
	return status;
}

static void begin(cudaStream_t s)
{
	OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
	assert_int_equal(status_of(s), cudaStreamCaptureStatusActive);
}

/* Ends a capture that has been made worthless. */
static void end_spoilt(cudaStream_t s)
{
	cudaGraph_t g = (cudaGraph_t)s;

	assert_int_equal(status_of(s), cudaStreamCaptureStatusInvalidated);
	assert_int_equal(cudaStreamEndCapture(s, &g), cudaErrorStreamCaptureInvalidated);
	assert_null(g);
	assert_int_equal(status_of(s), cudaStreamCaptureStatusNone);
	assert_int_equal(cudaGetLastError(), cudaErrorStreamCaptureInvalidated);
}

static cudaGraphExec_t exec_of(cudaStream_t s, size_t nodes)
{
	cudaGraphExec_t x;
	cudaGraph_t g;

	OK(cudaStreamEndCapture(s, &g));
	assert_int_equal(nodes_n(g), nodes);
	OK(cudaGraphInstantiate(&x, g, 0));
	OK(cudaGraphDestroy(g)); /* the executable one lives on */
	return x;
}

/* Everything that can be a node; nothing of it happens at capture, all of it at each launch. */
static void test_capture_and_replay(void **state)
{
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	struct matmul_args a = { .rows = 1, .in = 2, .out_dim = 1 };
	void *args[] = { &a };
	float *host, *device;
	cudaGraphExec_t x;

	(void)state;
	OK(cudaMallocHost((void **)&host, 8 * sizeof(float)));
	OK(cudaMalloc((void **)&device, 8 * sizeof(float)));
	a.x = device;
	a.weight = device + 2;
	a.out = device + 4;
	log_n = 0;
	begin(s);
	OK(cudaMemcpyAsync(device, host, 4 * sizeof(float), cudaMemcpyHostToDevice, s));
	OK(cudaLaunchKernel((const void *)matmul_stub, (dim3){ 1, 1, 1 }, (dim3){ 32, 1, 1 }, args,
			    0, s));
	OK(cudaMemsetAsync(device + 5, 0, sizeof(float), s));
	OK(cudaMemcpyAsync(host + 4, device + 4, 2 * sizeof(float), cudaMemcpyDeviceToHost, s));
	log_put(s, 1);
	memset(&a, 0xff, sizeof(a)); /* arguments are taken at the capture */
	x = exec_of(s, 5);
	OK(cudaStreamSynchronize(s));
	assert_int_equal(log_n, 0);
	for (int i = 1; i < 4; i++) {
		host[0] = (float)i;
		host[1] = host[2] = host[3] = 1;
		host[4] = host[5] = -1;
		OK(cudaGraphUpload(x, s));
		OK(cudaGraphLaunch(x, s));
		OK(cudaStreamSynchronize(s));
		assert_true(host[4] == (float)i + 1 && host[5] == 0);
		assert_int_equal(log_n, i);
	}
	OK(cudaGraphExecDestroy(x));
	assert_int_equal(cudaGraphExecDestroy(x), cudaErrorInvalidValue);
	OK(cudaFreeHost(host));
	OK(cudaFree(device));
	OK(cudaStreamDestroy(s));
	cudaGetLastError();
}

/* A branch on another stream, forked and joined by events: beside the main one, and inside order. */
static void test_branches(void **state)
{
	cudaStream_t a = stream_new(cudaStreamNonBlocking), b = stream_new(cudaStreamNonBlocking);
	cudaEvent_t fork = event_new(cudaEventDisableTiming);
	cudaEvent_t join = event_new(cudaEventDisableTiming);
	cudaGraphExec_t x;
	uint64_t start;

	(void)state;
	begin(a);
	log_put(a, 1);
	OK(cudaEventRecord(fork, a));
	OK(cudaStreamWaitEvent(b, fork, 0));
	assert_int_equal(status_of(b), cudaStreamCaptureStatusActive);
	log_put(b, 2);
	OK(delay(60 * MS, a));
	log_put(a, 3);
	OK(cudaEventRecord(join, b));
	OK(cudaStreamWaitEvent(a, join, 0));
	log_put(a, 4);
	x = exec_of(a, 5);
	assert_int_equal(status_of(b), cudaStreamCaptureStatusNone);
	log_n = 0;
	start = now();
	OK(cudaGraphLaunch(x, a));
	assert_true(now() - start < 40 * MS); /* returns at once */
	log_put(a, 5);			      /* after the whole graph */
	OK(cudaGraphLaunch(x, b));	      /* after the launch before it, on any stream */
	OK(cudaStreamSynchronize(b));
	OK(cudaStreamSynchronize(a));
	assert_true(now() - start >= 120 * MS);
	assert_int_equal(log_n, 9);
	for (int i = 0; i < 4; i++)
		assert_int_equal(log_seen[i], i + 1);
	OK(cudaGraphExecDestroy(x));
	OK(cudaEventDestroy(fork));
	OK(cudaEventDestroy(join));
	OK(cudaStreamDestroy(a));
	OK(cudaStreamDestroy(b));
}

/* A branch whose first work hangs on nothing within the graph still comes after what was before. */
static void test_branch_at_the_root(void **state)
{
	cudaStream_t a = stream_new(cudaStreamNonBlocking), b = stream_new(cudaStreamNonBlocking);
	cudaEvent_t e = event_new(cudaEventDisableTiming);
	cudaGraphExec_t x;

	(void)state;
	begin(a);
	OK(cudaEventRecord(e, a));
	OK(cudaStreamWaitEvent(b, e, 0));
	log_put(b, 2);
	OK(cudaEventRecord(e, b));
	OK(cudaStreamWaitEvent(a, e, 0));
	x = exec_of(a, 1);
	log_n = 0;
	OK(delay(30 * MS, a));
	log_put(a, 1);
	OK(cudaGraphLaunch(x, a));
	log_put(a, 3);
	OK(cudaStreamSynchronize(a));
	assert_int_equal(log_n, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(log_seen[i], i + 1);
	OK(cudaGraphExecDestroy(x)); /* with its branch's stream */
	OK(cudaEventDestroy(e));
	OK(cudaStreamDestroy(a));
	OK(cudaStreamDestroy(b));
}

/* The modelled times add up as they would without a graph, and the launch latency is paid once. */
static void test_times(void **state)
{
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	cudaEvent_t a = event_new(0), b = event_new(0);
	cudaGraphExec_t x;
	float ms = 0;

	(void)state;
	begin(s);
	for (int i = 0; i < 200; i++)
		OK(delay(50000, s));
	x = exec_of(s, 200);
	OK(cudaEventRecord(a, s));
	OK(cudaGraphLaunch(x, s));
	OK(cudaEventRecord(b, s));
	OK(cudaGraphExecDestroy(x)); /* what runs goes on */
	OK(cudaEventSynchronize(b));
	OK(cudaEventElapsedTime(&ms, a, b));
	assert_true(ms >= 9.999f && ms < 11.0f);
	OK(cudaEventDestroy(a));
	OK(cudaEventDestroy(b));
	OK(cudaStreamDestroy(s));
}

static void test_forbidden_waits(void **state)
{
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	cudaEvent_t e = event_new(0), outside = event_new(0);
	float ms;

	(void)state;
	begin(s);
	assert_int_equal(cudaStreamSynchronize(s), cudaErrorStreamCaptureUnsupported);
	/* Nothing more is taken. */
	assert_int_equal(delay(1, s), cudaErrorStreamCaptureInvalidated);
	end_spoilt(s);
	begin(s);
	assert_int_equal(cudaStreamQuery(s), cudaErrorStreamCaptureUnsupported);
	end_spoilt(s);
	begin(s);
	assert_int_equal(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
	end_spoilt(s);
	begin(s);
	OK(cudaEventRecord(e, s));
	assert_int_equal(cudaEventElapsedTime(&ms, e, e), cudaErrorCapturedEvent);
	assert_int_equal(cudaEventSynchronize(e), cudaErrorCapturedEvent);
	end_spoilt(s);
	assert_int_equal(cudaEventQuery(e), cudaErrorCapturedEvent);
	OK(cudaEventRecord(e, s)); /* recorded for real, it is an event again */
	OK(cudaEventSynchronize(e));
	begin(s);
	OK(cudaStreamWaitEvent(s, outside, 0)); /* never recorded: waits for nothing */
	assert_int_equal(cudaStreamWaitEvent(s, e, 0), cudaErrorStreamCaptureIsolation);
	end_spoilt(s);
	OK(cudaEventDestroy(e));
	OK(cudaEventDestroy(outside));
	OK(cudaStreamDestroy(s));
}

static void test_forbidden_calls(void **state)
{
	enum cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	char host[16], *p, *q;
	cudaGraph_t g;

	(void)state;
	OK(cudaMalloc((void **)&p, 16));
	begin(s);
	assert_int_equal(cudaMalloc((void **)&q, 16), cudaErrorStreamCaptureUnsupported);
	end_spoilt(s);
	begin(s);
	assert_int_equal(cudaFree(p), cudaErrorStreamCaptureUnsupported);
	end_spoilt(s);
	begin(s);
	assert_int_equal(cudaMemcpy(p, host, 16, cudaMemcpyHostToDevice),
			 cudaErrorStreamCaptureUnsupported);
	end_spoilt(s);
	begin(s);
	assert_int_equal(cudaMallocAsync((void **)&q, 16, s), cudaErrorNotSupported);
	end_spoilt(s);
	/* A relaxed capture, or a relaxed thread, may. */
	OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeRelaxed));
	OK(cudaMalloc((void **)&q, 16));
	OK(cudaStreamEndCapture(s, &g));
	assert_int_equal(nodes_n(g), 0);
	OK(cudaGraphDestroy(g));
	begin(s);
	OK(cudaThreadExchangeStreamCaptureMode(&mode));
	assert_int_equal(mode, cudaStreamCaptureModeGlobal);
	OK(cudaFree(q));
	OK(cudaThreadExchangeStreamCaptureMode(&mode));
	assert_int_equal(mode, cudaStreamCaptureModeRelaxed);
	OK(cudaStreamEndCapture(s, &g));
	OK(cudaGraphDestroy(g));
	OK(cudaFree(p));
	OK(cudaStreamDestroy(s));
	cudaGetLastError();
}

static void test_wrong_ends(void **state)
{
	cudaStream_t a = stream_new(cudaStreamNonBlocking), b = stream_new(cudaStreamNonBlocking);
	cudaEvent_t ea = event_new(0), eb = event_new(0);
	cudaGraph_t g;

	(void)state;
	assert_int_equal(cudaStreamEndCapture(a, &g), cudaErrorIllegalState);
	assert_int_equal(cudaStreamBeginCapture(NULL, cudaStreamCaptureModeGlobal),
			 cudaErrorStreamCaptureUnsupported);
	begin(a);
	assert_int_equal(cudaStreamBeginCapture(a, cudaStreamCaptureModeGlobal),
			 cudaErrorIllegalState);
	OK(cudaEventRecord(ea, a));
	OK(cudaStreamWaitEvent(b, ea, 0));
	OK(delay(1, b));
	assert_int_equal(cudaStreamEndCapture(b, &g), cudaErrorStreamCaptureUnmatched);
	end_spoilt(a);
	assert_int_equal(status_of(b), cudaStreamCaptureStatusNone);
	begin(a);
	OK(cudaEventRecord(ea, a));
	OK(cudaStreamWaitEvent(b, ea, 0));
	OK(delay(1, b));
	assert_int_equal(cudaStreamEndCapture(a, &g), cudaErrorStreamCaptureUnjoined);
	assert_int_equal(status_of(b), cudaStreamCaptureStatusNone);
	begin(a);
	begin(b);
	OK(cudaEventRecord(ea, a));
	OK(cudaEventRecord(eb, b));
	assert_int_equal(cudaStreamWaitEvent(a, eb, 0), cudaErrorStreamCaptureMerge);
	end_spoilt(a);
	end_spoilt(b);
	OK(cudaEventDestroy(ea));
	OK(cudaEventDestroy(eb));
	OK(cudaStreamDestroy(a));
	OK(cudaStreamDestroy(b));
	cudaGetLastError();
}

/* The default stream would wait for a blocking stream, which cannot be waited for. */
static void test_default_stream(void **state)
{
	cudaStream_t blocking = stream_new(cudaStreamDefault);
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	enum cudaStreamCaptureStatus status;
	cudaGraph_t g;

	(void)state;
	begin(blocking);
	assert_int_equal(cudaStreamIsCapturing(NULL, &status), cudaErrorStreamCaptureImplicit);
	assert_int_equal(status_of(blocking), cudaStreamCaptureStatusActive);
	assert_int_equal(delay(1, NULL), cudaErrorStreamCaptureImplicit);
	end_spoilt(blocking);
	begin(s);
	OK(delay(1, NULL)); /* this one has nothing to do with it */
	OK(cudaStreamEndCapture(s, &g));
	OK(cudaGraphDestroy(g));
	OK(cudaStreamDestroy(blocking));
	OK(cudaStreamDestroy(s));
	cudaGetLastError();
}

static cudaError_t ended, allocated;

static void *other_thread(void *arg)
{
	cudaGraph_t g;
	void *p = NULL;

	allocated = cudaMalloc(&p, 16);
	if (!allocated)
		OK(cudaFree(p));
	ended = cudaStreamEndCapture(arg, &g);
	return NULL;
}

/* Another thread may not end a capture, and a global one keeps it from allocating. */
static void test_threads(void **state)
{
	cudaStream_t s = stream_new(cudaStreamNonBlocking);
	pthread_t t;

	(void)state;
	for (int global = 0; global < 2; global++) {
		OK(cudaStreamBeginCapture(s, global ? cudaStreamCaptureModeGlobal
						    : cudaStreamCaptureModeThreadLocal));
		assert_int_equal(pthread_create(&t, NULL, other_thread, s), 0);
		pthread_join(t, NULL);
		assert_int_equal(allocated,
				 global ? cudaErrorStreamCaptureUnsupported : cudaSuccess);
		assert_int_equal(ended, cudaErrorStreamCaptureWrongThread);
		end_spoilt(s);
	}
	OK(cudaStreamDestroy(s));
}

static void test_handles(void **state)
{
	cudaGraphNode_t nodes[3];
	cudaGraphExec_t x;
	cudaGraph_t g;
	size_t n = 3;
	cudaStream_t s = stream_new(cudaStreamNonBlocking);

	(void)state;
	OK(cudaGraphCreate(&g, 0));
	assert_int_equal(nodes_n(g), 0);
	OK(cudaGraphInstantiateWithFlags(&x, g, 0));
	OK(cudaGraphLaunch(x, s)); /* an empty one */
	OK(cudaStreamSynchronize(s));
	OK(cudaGraphExecDestroy(x));
	assert_int_equal(cudaGraphLaunch(x, s), cudaErrorInvalidValue);
	OK(cudaGraphDestroy(g));
	assert_int_equal(cudaGraphDestroy(g), cudaErrorInvalidValue);
	assert_int_equal(cudaGraphInstantiate(&x, g, 0), cudaErrorInvalidValue);
	begin(s);
	OK(delay(1, s));
	OK(delay(1, s));
	OK(cudaStreamEndCapture(s, &g));
	OK(cudaGraphGetNodes(g, nodes, &n));
	assert_int_equal(n, 2);
	assert_true(nodes[0] && nodes[1] && nodes[0] != nodes[1] && !nodes[2]);
	OK(cudaGraphInstantiate(&x, g, 0));
	begin(s);
	OK(cudaDeviceReset()); /* takes all of it along, a capture too */
	assert_int_equal(cudaGraphDestroy(g), cudaErrorInvalidValue);
	assert_int_equal(cudaGraphExecDestroy(x), cudaErrorInvalidValue);
	cudaGetLastError();
	OK(cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capture_and_replay),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_branch_at_the_root),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_forbidden_waits),
		cmocka_unit_test(test_forbidden_calls),
		cmocka_unit_test(test_wrong_ends),
		cmocka_unit_test(test_default_stream),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_handles),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
