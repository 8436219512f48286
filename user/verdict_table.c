/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The rules of the verdict: one row a rule. What each measures is in verdict_*.c. */
#include "verdict_private.h"

/* Removing a cause saves its share at most. p95 of two equal runs of a few hundred requests differs by
 * ten to twenty per cent: less than a quarter is not worth a sentence. */
#define WORTH 0.25
/* A server that does nothing wrong waits for its device, for more than half of a request's time. Only
 * where little else is left is the device what to work on. */
#define DEVICE_WORTH 0.75

#define NO_NEEDS 0

const struct verdict_rule verdict_rules[] = {
	{ "queue-before-batch", "scheduling", "configuration", WORTH, NEEDS_REQUESTS | NEEDS_PASSES,
	  "measured", rule_queue_before_batch,
	  "let requests join the running batch (continuous batching), shorten the batch window, "
	  "raise the largest batch" },
	{ "queue-before-stage", "scheduling", "configuration", WORTH, NEEDS_REQUESTS, "measured",
	  rule_queue_before_stage, "give that stage more threads, or join it with the one before" },
	{ "preempted", "scheduling", "host", WORTH, NO_NEEDS, "measured", rule_preempted,
	  "move other load off these CPUs, pin the server's threads to CPUs of their own (cpuset, "
	  "isolcpus), or give it more CPUs" },
	{ "throttled", "scheduling", "host", WORTH, NO_NEEDS, "measured", rule_throttled,
	  "raise or remove the cgroup's CPU quota (cpu.max, cpu.cfs_quota_us; in Kubernetes the "
	  "CPU limit)" },
	{ "lock", "scheduling", "runtime", WORTH, NEEDS_REQUESTS, "measured", rule_lock,
	  "hold the lock for less, split it, or give each thread its own data" },
	{ "unbalanced-streams", "scheduling", "runtime", WORTH, NEEDS_SYNC | NEEDS_LAUNCH, "likely",
	  rule_unbalanced_streams,
	  "spread the work evenly over the streams, the longest first; priorities for what is "
	  "waited for" },
	{ "slow-stage", "compute", "runtime", WORTH, NEEDS_REQUESTS, "measured", rule_slow_stage,
	  "make that stage cheaper (a faster tokeniser, batching, caching), spread it over more "
	  "threads; it is work of the CPU, not of the GPU" },
	{ "disk", "io", "host", WORTH, NO_NEEDS, "measured", rule_disk,
	  "read ahead of time (prefetch, mlock, vmtouch), leave room for the page cache, keep "
	  "adapters in memory, faster storage" },
	{ "network", "network", "runtime", WORTH, NEEDS_REQUESTS, "measured", rule_network,
	  "put both ends on one host or rack, keep connections open, fewer and larger messages "
	  "(gRPC streaming), ask while something else runs" },
	{ "small-copies", "memory", "runtime", WORTH, NEEDS_COPY, "measured", rule_small_copies,
	  "pack them into one copy a pass, keep on the device what is used again, let kernels read "
	  "pinned host memory" },
	{ "pageable-copies", "memory", "runtime", WORTH, NEEDS_COPY, "likely", rule_pageable_copies,
	  "allocate the host side page-locked (cudaHostAlloc, cudaHostRegister, pin_memory=True): "
	  "then the copies are asynchronous and faster" },
	{ "transfers", "memory", "model", WORTH, NEEDS_COPY, "measured", rule_transfers,
	  "move less: keep weights and KV cache on the device (a smaller or paged cache, "
	  "quantised), offload only what is seldom used, and copy while kernels run" },
	{ "alloc-churn", "memory", "runtime", WORTH, NEEDS_ALLOC, "measured", rule_alloc_churn,
	  "allocate once and use again: a caching allocator, cudaMallocAsync with a pool, a paged KV "
	  "cache" },
	{ "tiny-kernels", "launch", "runtime", WORTH, NEEDS_LAUNCH | NEEDS_SYNC, "likely",
	  rule_tiny_kernels, "CUDA graphs, fusion, fewer and larger kernels, larger batches" },
	{ "sync-each-op", "launch", "runtime", WORTH, NEEDS_SYNC | NEEDS_LAUNCH, "likely",
	  rule_sync_each_op,
	  "synchronise once a pass: order ops by streams and events, leave out debugging "
	  "(CUDA_LAUNCH_BLOCKING), .item() and printing of results" },
	{ "spinning-sync", "launch", "runtime", WORTH, NEEDS_SYNC, "measured", rule_spinning_sync,
	  "wait blocking (cudaDeviceScheduleBlockingSync, cudaEventBlockingSync), or leave a CPU to "
	  "each thread that spins" },
	{ "padding", "compute", "configuration", WORTH, NEEDS_REQUESTS | NEEDS_PASSES, "likely",
	  rule_padding,
	  "batch requests of like length, pack sequences without padding (ragged batches), split "
	  "long prompts" },
	{ "gpu-bound", "compute", "model", DEVICE_WORTH, NEEDS_SYNC, "likely", rule_gpu_bound,
	  "larger batches, fused kernels (FlashAttention), FP16/BF16, quantisation, a smaller model "
	  "or a faster GPU; a GPU profiler (Nsight Compute) says which kernel" },
};
const size_t verdict_rules_n = sizeof(verdict_rules) / sizeof(verdict_rules[0]);
