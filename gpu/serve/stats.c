/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the server counted, as JSON: the truth that a tracer is held against. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server.h"

static json_t *integer(uint64_t v)
{
	return json_integer((json_int_t)v);
}

/* Calls by name that were made at all. since NULL: from the process' start. */
static json_t *calls_json(const struct cuda_counts *now, const struct cuda_counts *since)
{
	json_t *out = json_object();

	for (int i = 0; i < CALLS; i++) {
		uint64_t calls = now->calls[i] - (since ? since->calls[i] : 0);
		uint64_t errors = now->errors[i] - (since ? since->errors[i] : 0);

		if (calls)
			json_object_set_new(out, cuda_call_names[i],
					    json_pack("{s:o,s:o}", "calls", integer(calls),
						      "errors", integer(errors)));
	}
	return out;
}

/* The order in which kinds are listed. */
static const enum cudaMemcpyKind kinds[COPY_KINDS] = { cudaMemcpyHostToDevice,
						       cudaMemcpyDeviceToHost,
						       cudaMemcpyDeviceToDevice,
						       cudaMemcpyHostToHost };

static json_t *copies_json(const struct cuda_counts *now, const struct cuda_counts *since)
{
	json_t *out = json_object();

	for (int i = 0; i < COPY_KINDS; i++) {
		int k = kinds[i];
		uint64_t calls = now->copies[k] - (since ? since->copies[k] : 0);
		uint64_t bytes = now->copy_bytes[k] - (since ? since->copy_bytes[k] : 0);

		json_object_set_new(
			out, cuda_copy_names[k],
			json_pack("{s:o,s:o}", "calls", integer(calls), "bytes", integer(bytes)));
	}
	return out;
}

static json_t *bytes_json(const struct cuda_counts *now)
{
	json_t *out = json_object();

	for (int i = 0; i < COPY_KINDS; i++)
		json_object_set_new(out, cuda_copy_names[kinds[i]],
				    integer(now->copy_bytes[kinds[i]]));
	return out;
}

static json_t *launches_json(const struct cuda_counts *now)
{
	json_t *out = json_object();

	for (int i = 0; i < KERNELS_N; i++)
		if (now->launches[i])
			json_object_set_new(out, cuda_kernel_names[i], integer(now->launches[i]));
	return out;
}

static json_t *streams_json(const struct cuda_counts *now)
{
	json_t *out = json_array();

	for (int i = 0; i < CUDA_STREAMS; i++) {
		const struct cuda_stream_counts *s = &now->streams[i];
		char handle[32];

		if (!s->handle)
			continue;
		snprintf(handle, sizeof(handle), "0x%" PRIx64, s->handle);
		json_array_append_new(out, json_pack("{s:s,s:o,s:o,s:o,s:o}", "handle", handle,
						     "launches", integer(s->launches), "copies",
						     integer(s->copies), "bytes", integer(s->bytes),
						     "syncs", integer(s->syncs)));
	}
	return out;
}

static json_t *memory_json(const struct cuda_counts *now)
{
	json_t *out = json_object();

	for (int i = 0; i < CUDA_MEMORIES; i++) {
		const struct cuda_memory_counts *m = &now->memory[i];

		json_object_set_new(out, cuda_memory_names[i],
				    json_pack("{s:o,s:o,s:o,s:o,s:o}", "allocations",
					      integer(m->allocations), "frees", integer(m->frees),
					      "bytes", integer(m->bytes), "peak_bytes",
					      integer(m->peak_bytes), "live_bytes",
					      integer(m->live_bytes)));
	}
	return out;
}

static json_t *errors_json(const struct cuda_counts *now)
{
	json_t *out = json_array();

	for (int i = 0; i < CUDA_ERRORS && now->error[i].code; i++) {
		const struct cuda_error_count *e = &now->error[i];

		json_array_append_new(out,
				      json_pack("{s:s,s:o,s:s,s:o}", "call",
						cuda_call_names[e->call], "code", integer(e->code),
						"error", cudaGetErrorName((cudaError_t)e->code),
						"calls", integer(e->calls)));
	}
	return out;
}

static json_t *graphs_json(const struct cuda_graph_counts *g)
{
	return json_pack("{s:o,s:o,s:o}", "made", integer(g->made), "launches",
			 integer(g->launches), "kernels", integer(g->kernels));
}

static json_t *latency_json(const struct server *s)
{
	static const char *const names[STAGES] = {
		[STAGE_QUEUE] = "queue",	   [STAGE_TOKENISE] = "tokenise",
		[STAGE_PREFILL] = "prefill",	   [STAGE_DECODE] = "decode",
		[STAGE_DETOKENISE] = "detokenise", [STAGE_REPLY] = "reply",
		[STAGE_END_TO_END] = "end_to_end",
	};
	json_t *out = json_object();

	for (int i = 0; i < STAGES; i++) {
		json_object_set_new(out, names[i], stats_latency(&s->answers.stage[i]));
	}
	return out;
}

static json_t *threads_json(const struct server *s)
{
	json_t *out = json_array();

	for (unsigned int i = 0; i < s->threads_n; i++) {
		const struct server_thread *t = &s->threads[i];

		json_array_append_new(out, json_pack("{s:s,s:i,s:o,s:o}", "name", t->name, "tid",
						     (int)t->tid, "wall_ns", integer(t->wall_ns),
						     "cpu_ns", integer(t->cpu_ns)));
	}
	return out;
}

static json_t *executor_json(const struct executor_stats *e)
{
	return json_pack("{s:{s:o,s:o,s:o},s:{s:o,s:o,s:o}}", "prefill", "passes",
			 integer(e->prefills), "rows", integer(e->prefill_rows), "device_ns",
			 integer(e->prefill_device_ns), "decode", "passes", integer(e->decodes),
			 "rows", integer(e->decode_rows), "device_ns",
			 integer(e->decode_device_ns));
}

static json_t *margin_json(const struct server *s)
{
	const struct answer_stats *a = &s->answers;

	return json_pack("{s:f,s:o,s:o}", "tolerance", (double)MARGIN_TOLERANCE, "below",
			 integer(s->executor.uncertain), "min",
			 a->requests ? json_real((double)a->min_margin) : json_null());
}

static json_t *digest_json(uint64_t digest)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, digest);
	return json_string(text);
}

static double duration_s(const struct server *s)
{
	return (double)(s->end_ns - s->ready_ns) / 1e9;
}

static json_t *stats_json(const struct server *s)
{
	const struct answer_stats *a = &s->answers;
	json_t *out = json_pack("{s:i,s:s,s:i,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:f,s:f,s:f}", "version",
				1, "runtime", s->runtime, "pid", (int)getpid(), "seed",
				integer(s->options.seed), "model", model_names[s->options.model],
				"requests", integer(a->requests), "made", integer(s->made),
				"refused", integer(s->refused), "dropped", integer(s->dropped),
				"tokens", integer(a->tokens), "duration_s", duration_s(s),
				"throughput_rps", (double)a->requests / duration_s(s),
				"tokens_per_s", (double)a->tokens / duration_s(s));

	if (!out)
		return NULL;
	json_object_set_new(out, "scenario", json_string(s->options.scenario));
	json_object_set_new(out, "magnitude", json_real(s->options.magnitude));
	json_object_set_new(out, "cuda_calls", calls_json(&s->counts, NULL));
	json_object_set_new(out, "cuda_calls_serving", calls_json(&s->counts, &s->at_ready));
	json_object_set_new(out, "bytes", bytes_json(&s->counts));
	json_object_set_new(out, "copies", copies_json(&s->counts, NULL));
	json_object_set_new(out, "copies_serving", copies_json(&s->counts, &s->at_ready));
	if (s->window) {
		json_object_set_new(out, "cuda_calls_window",
				    calls_json(&s->counts, &s->at_window));
		json_object_set_new(out, "copies_window", copies_json(&s->counts, &s->at_window));
	}
	json_object_set_new(out, "launches", launches_json(&s->counts));
	json_object_set_new(out, "streams", streams_json(&s->counts));
	json_object_set_new(out, "memory", memory_json(&s->counts));
	json_object_set_new(out, "errors", errors_json(&s->counts));
	json_object_set_new(out, "graphs", graphs_json(&s->counts.graphs));
	json_object_set_new(out, "latency_ns", latency_json(s));
	json_object_set_new(out, "passes", executor_json(&s->executor));
	json_object_set_new(out, "marks", stats_marks(&s->spans.all));
	if (s->window)
		json_object_set_new(out, "marks_window", stats_marks(&s->spans.window));
	json_object_set_new(out, "threads", threads_json(s));
	json_object_set_new(out, "tokens_digest", digest_json(a->digest));
	json_object_set_new(out, "tokens_certain_digest", digest_json(a->certain_digest));
	json_object_set_new(out, "margin", margin_json(s));
	return out;
}

static int stream_write(const json_t *json, FILE *f)
{
	errno = 0;
	if (json_dumpf(json, f, JSON_INDENT(1)) || fputc('\n', f) == EOF || fflush(f))
		return errno ? -errno : -EIO;
	return 0;
}

static int open_write(const json_t *json, const char *path)
{
	FILE *f = fopen(path, "we");
	int err;

	if (!f)
		return -errno;
	err = stream_write(json, f);
	if (fclose(f) && !err)
		err = -errno;
	return err;
}

/* A regular file is written under another name first: a reader never sees half of it. Anything
 * else (a pipe, a device, a link) is written in place and never replaced. */
static int file_write(const json_t *json, const char *path)
{
	char tmp[PATH_MAX];
	struct stat st;
	int err;

	if (!strcmp(path, "-"))
		return stream_write(json, stdout);
	if (!lstat(path, &st) && !S_ISREG(st.st_mode))
		return open_write(json, path);
	if (snprintf(tmp, sizeof(tmp), "%s.%d.tmp", path, (int)getpid()) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	err = open_write(json, tmp);
	if (!err && rename(tmp, path))
		err = -errno;
	if (err)
		unlink(tmp);
	return err;
}

int stats_write(const struct server *s, const char *path)
{
	json_t *json = stats_json(s);
	int err = json ? file_write(json, path) : -ENOMEM;

	json_decref(json);
	if (err)
		fprintf(stderr, "infer-serve: %s: %s\n", path, strerror(-err));
	return err;
}

void stats_summary(const struct server *s)
{
	const struct answer_stats *a = &s->answers;
	uint64_t calls = 0;

	for (int i = 0; i < CALLS; i++)
		calls += s->counts.calls[i] - s->at_ready.calls[i];
	fprintf(stderr,
		"infer-serve: %" PRIu64 " requests, %" PRIu64
		" tokens in %.2f s, %.0f CUDA calls/s, "
		"end to end p50 %.2f ms p99 %.2f ms, %" PRIu64 " dropped, %" PRIu64
		" refused, tokens %016" PRIx64 "\n",
		a->requests, a->tokens, duration_s(s), (double)calls / duration_s(s),
		(double)latency_quantile(&a->stage[STAGE_END_TO_END], 0.5) / 1e6,
		(double)latency_quantile(&a->stage[STAGE_END_TO_END], 0.99) / 1e6, s->dropped,
		s->refused, a->digest);
}
