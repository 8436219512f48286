/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The emulated CUDA runtime, inside.
 *
 * One modelled device. Work is an op (struct emu_op) on a stream; a stream runs its ops in order.
 * Three engines, each with a thread, run ops of all streams side by side: kernels, copies to the
 * device, copies from the device; a fourth thread runs host functions. An op does its real work
 * (a kernel's CPU reference, a memcpy), and lasts as long as the model says: every op has a start
 * and an end on the modelled device's clock (CLOCK_MONOTONIC), start = the latest of: handed in +
 * launch latency, engine free, the op before it, the ops it waits for. Done means: the work is done
 * and its end has passed. So a late wake-up here does not stretch the modelled time.
 *
 * One lock (struct emu_device.lock) guards all of it. Functions named *_locked want it held.
 * Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef EMU_H
#define EMU_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "gpu/cuda_abi.h"

#define EMU_API __attribute__((visibility("default")))

/* --- config.c: the environment, read once --- */
struct emu_config {
	uint64_t launch_ns; /* from a call to the earliest start on an idle device */
	uint64_t call_ns;   /* CPU time that a launch or a copy takes of the caller, at least */
	uint64_t kernel_ns; /* fixed part of a kernel */
	double flops_per_ns;
	double h2d_bytes_per_ns, d2h_bytes_per_ns, d2d_bytes_per_ns;
	double pageable_factor; /* of the bandwidth that pageable memory reaches */
	size_t memory_bytes;
	size_t queue_ops;	  /* ops a stream takes before a launch waits for room */
	unsigned int devices;	  /* 0 or 1 */
	bool unknown_is_error;	  /* launching a kernel that has no CPU body */
	const char *kernel_table; /* "name=us,...": fixed part by kernel; may be NULL */
};
void emu_config_read(struct emu_config *config);
/* A kernel's fixed part, from INFBPF_EMU_KERNEL_US. */
uint64_t emu_config_kernel_ns(const struct emu_config *config, const char *name);

/* --- bodies.c: kernels with a CPU body --- */
struct emu_work {
	uint64_t flops;
	uint64_t ns; /* overrides the model; 0: no */
};
struct emu_body {
	const char *name;
	size_t args_bytes; /* of the one by-value argument */
	void (*run)(const void *args);
	struct emu_work (*work)(const void *args);
	const int *pointers; /* offsets of device pointers in the argument, ended by -1 */
};
const struct emu_body *emu_body_find(const char *device_name);

/* --- memory.c: who owns which address --- */
enum emu_owner { EMU_PAGEABLE, EMU_PINNED, EMU_REGISTERED, EMU_DEVICE, EMU_MANAGED };
struct emu_block {
	uintptr_t start;
	size_t bytes;
	enum emu_owner owner;
};
struct emu_memory {
	struct emu_block *blocks; /* sorted by start */
	size_t n, room;
	size_t device_bytes; /* in use */
};
cudaError_t emu_memory_alloc_locked(struct emu_memory *m, enum emu_owner owner, size_t bytes,
				    size_t limit, void **out);
cudaError_t emu_memory_register_locked(struct emu_memory *m, void *ptr, size_t bytes);
/* Frees (or, for registered memory, forgets) the block that begins at ptr. */
cudaError_t emu_memory_free_locked(struct emu_memory *m, void *ptr, bool device);
cudaError_t emu_memory_unregister_locked(struct emu_memory *m, void *ptr);
/* The block that holds ptr, NULL: pageable. */
const struct emu_block *emu_memory_find_locked(const struct emu_memory *m, const void *ptr);
bool emu_memory_holds(const struct emu_block *b, const void *ptr, size_t bytes);
void emu_memory_reset_locked(struct emu_memory *m);

/* --- ops, streams, events --- */
enum emu_engine_id {
	ENGINE_KERNEL,
	ENGINE_H2D, /* and device to device, memset */
	ENGINE_D2H,
	ENGINE_HOST, /* host functions, cudaFreeAsync */
	ENGINES,
	ENGINE_NONE = ENGINES, /* done as soon as its turn comes: events, waits */
};

struct emu_copy {
	char *dst;
	const char *src; /* NULL: set to value */
	size_t dst_pitch, src_pitch, width, height;
	int value;
};

struct emu_op {
	unsigned int refs;
	enum emu_engine_id engine;
	bool captured;	 /* a graph's node: never runs itself */
	bool done;	 /* the work is done; atomic, for spinning */
	uint64_t end_ns; /* valid once done; the op is over when this has passed */
	uint64_t submit_ns, lasts_ns;
	struct emu_stream *stream;
	struct emu_op *next;	   /* in its stream */
	struct emu_op *queue_next; /* in its engine's queue */
	struct emu_op **waits;	   /* ops that have to be done first, each with a reference */
	size_t waits_n;
	unsigned int sleepers; /* threads that wait for this op on cond */
	pthread_cond_t cond;

	/* What it does. */
	const struct emu_body *body; /* a kernel */
	void *args;		     /* its argument */
	void *staging;		     /* copy of pageable source memory, to be freed */
	struct emu_copy copy;
	cudaHostFn_t host_fn;
	void *host_data;
	void *free_ptr; /* cudaFreeAsync */
};

/* Nodes of a graph, by number. */
struct emu_set {
	size_t *node;
	size_t n;
};

struct emu_stream {
	struct emu_stream *next; /* all streams of the device */
	bool live;		 /* false: destroyed, may be used again once drained */
	bool blocking;		 /* takes part in the legacy default stream's rules */
	pthread_t owner;	 /* per-thread default streams: whose. 0: none */
	int priority;
	struct emu_op *head, *tail; /* not started or running; head runs first */
	size_t pending;
	bool running;	     /* head is with its engine */
	uint64_t end_ns;     /* of the latest op done */
	struct emu_op *last; /* the newest op, also when done; with a reference. NULL: none ever */

	struct emu_capture *capture; /* NULL: work runs */
	unsigned int lane;	     /* which of the capture's streams this is */
	struct emu_set front;	     /* what the next node waits for */
};

struct emu_event {
	struct emu_event *next;
	unsigned int flags;
	struct emu_op *op; /* the newest record, with a reference; NULL: never recorded */
	uint64_t capture;  /* the newest record was in this capture; 0: in none */
	struct emu_set front;
};

/* One piece of work of a graph: kernel, copy, set or host function. */
struct emu_node {
	struct emu_op *op;   /* what each launch makes a copy of; with a reference */
	struct emu_set deps; /* nodes before this one */
	unsigned int lane;   /* nodes of one lane run in order */
};

/* Does not change once it is there, so the executable graphs share it. */
struct emu_graph {
	struct emu_graph *next;
	unsigned int refs;
	struct emu_node *nodes; /* a node comes after those that it waits for */
	size_t n, room;
	unsigned int lanes;
};

struct emu_exec {
	struct emu_exec *next;
	struct emu_graph *graph;
	struct emu_stream **lanes; /* lane i runs on lanes[i]; 0 on the stream launched into */
	struct emu_op *last;	   /* the end of the newest launch; NULL: none */
};

struct emu_capture {
	struct emu_capture *next;
	uint64_t id; /* never 0, never again */
	struct emu_graph *graph;
	struct emu_stream *origin;
	enum cudaStreamCaptureMode mode;
	pthread_t thread;
	bool invalid;
};

struct emu_engine {
	pthread_t thread;
	pthread_cond_t cond;
	struct emu_op *queue; /* ready ops: higher priority first, then in order */
	uint64_t free_ns;     /* when the modelled engine has nothing left to do */
	bool idle;	      /* its thread waits on cond */
};

struct emu_device {
	pthread_mutex_t lock;
	struct emu_config config;
	struct emu_memory memory;
	struct emu_engine engines[ENGINES];
	struct emu_stream *streams;
	struct emu_stream *legacy;
	struct emu_event *events;
	struct emu_capture *captures;
	struct emu_graph *graphs;
	struct emu_exec *execs;
	unsigned int flags; /* cudaSetDeviceFlags */
	cudaError_t sticky; /* a failed kernel: every call returns it until cudaDeviceReset */
	bool started;	    /* the engines' threads run */
	bool forked;	    /* this is a child: CUDA does not survive fork */
};

/* --- device.c --- */
/* The device, made at the first call. */
struct emu_device *emu_device_get(void);
/* What nearly every entry point does first: makes the device, starts its threads, returns a sticky
 * error if there is one. The lock is held when (and only when) it returns cudaSuccess. */
cudaError_t emu_enter(struct emu_device **device);
/* And last: remembers the error for cudaGetLastError (not cudaErrorNotReady, as in CUDA). */
cudaError_t emu_leave(cudaError_t error);
cudaError_t emu_last_error(bool clear);
void emu_reset_locked(struct emu_device *d);

/* --- stream.c --- */
/* A handle's stream; NULL: no such. 0 is the legacy default stream. */
struct emu_stream *emu_stream_find_locked(struct emu_device *d, cudaStream_t handle);
/* emu_enter, and finds the stream. The lock is held when (and only when) it returns cudaSuccess. */
cudaError_t emu_stream_enter(struct emu_device **d, cudaStream_t stream, struct emu_stream **s);
struct emu_stream *emu_stream_new_locked(struct emu_device *d, bool blocking, int priority);
struct emu_op *emu_op_new(enum emu_engine_id engine);
void emu_op_put_locked(struct emu_op *op);
struct emu_op *emu_op_get_locked(struct emu_op *op);
int emu_op_wait_for_locked(struct emu_op *op, struct emu_op *other);
/* Puts the op at the stream's end (takes over the caller's reference); adds the default stream's
 * waits. Waits for room first when the stream is full, with the lock dropped. */
cudaError_t emu_submit_locked(struct emu_device *d, struct emu_stream *s, struct emu_op *op);
/* The same without waiting for room, and of a stream that is not capturing. */
cudaError_t emu_append_locked(struct emu_device *d, struct emu_stream *s, struct emu_op *op);
/* Moves every stream on whose head has nothing to wait for. */
void emu_advance_locked(struct emu_device *d);
/* Drops the lock, waits until the op is over, takes it again. */
void emu_wait_locked(struct emu_device *d, struct emu_op *op, bool spin, bool yield);
/* As the device's flags say. */
void emu_sync_locked(struct emu_device *d, struct emu_op *op);
bool emu_op_over(const struct emu_op *op);

/* --- capture.c: what a capturing stream does with work, and what may not be done meanwhile. What
 * breaks a rule ends in an error and makes the captures concerned worthless --- */
int emu_set_add(struct emu_set *set, const struct emu_set *more);
void emu_set_clear(struct emu_set *set);
cudaError_t emu_capture_begin_locked(struct emu_device *d, struct emu_stream *s,
				     enum cudaStreamCaptureMode mode);
cudaError_t emu_capture_end_locked(struct emu_device *d, struct emu_stream *s,
				   struct emu_graph **graph);
/* Takes over the caller's reference, as emu_submit_locked. */
cudaError_t emu_capture_op_locked(struct emu_stream *s, struct emu_op *op);
cudaError_t emu_capture_record_locked(struct emu_stream *s, struct emu_event *e);
/* Either the stream or the event belongs to a capture. */
cudaError_t emu_capture_wait_locked(struct emu_device *d, struct emu_stream *s,
				    struct emu_event *e);
/* Asking about, or waiting for, one stream, event, or everything. */
cudaError_t emu_capture_check_stream_locked(struct emu_device *d, const struct emu_stream *s);
cudaError_t emu_capture_check_event_locked(struct emu_device *d, const struct emu_event *e);
cudaError_t emu_capture_check_all_locked(struct emu_device *d);
/* A call that no graph would repeat, such as cudaMalloc. */
cudaError_t emu_capture_check_call_locked(struct emu_device *d);
/* The legacy default stream waits for blocking streams: not while one captures. */
cudaError_t emu_capture_check_legacy_locked(struct emu_device *d, const struct emu_stream *s,
					    bool invalidate);
/* Nothing that a graph could hold: cudaErrorNotSupported. */
cudaError_t emu_capture_refuse_locked(struct emu_stream *s);
enum cudaStreamCaptureMode emu_capture_mode_exchange(enum cudaStreamCaptureMode mode);
void emu_captures_free_locked(struct emu_device *d);

/* --- graph.c --- */
struct emu_graph *emu_graph_new(void);
void emu_graph_put_locked(struct emu_graph *g);
int emu_graph_add_locked(struct emu_graph *g, struct emu_op *op, struct emu_set *deps,
			 unsigned int lane);
struct emu_exec *emu_exec_new_locked(struct emu_device *d, struct emu_graph *g);
void emu_exec_free_locked(struct emu_exec *x);
cudaError_t emu_exec_launch_locked(struct emu_device *d, struct emu_exec *x, struct emu_stream *s);
void emu_graphs_free_locked(struct emu_device *d);

/* --- abi_event.c --- */
void emu_events_free_locked(struct emu_device *d);

/* --- engine.c --- */
int emu_engines_start(struct emu_device *d);
void emu_engine_push_locked(struct emu_device *d, struct emu_op *op);
uint64_t emu_now_ns(void);
/* Ends a call that began then: NVIDIA's takes the caller's CPU for longer than ours. No lock held. */
void emu_call_last(const struct emu_device *d, uint64_t began_ns);
void emu_sleep_until(uint64_t ns);

#endif /* EMU_H */
