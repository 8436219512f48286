/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Graphs: a launch puts a copy of every node on streams, all at once. The launch latency counts from
 * there, so it is paid once a graph.
 */
#include <stdlib.h>
#include <string.h>
#include "emu.h"

struct emu_graph *emu_graph_new(void)
{
	struct emu_graph *g = calloc(1, sizeof(*g));

	if (g)
		g->refs = 1;
	return g;
}

void emu_graph_put_locked(struct emu_graph *g)
{
	if (!g || --g->refs)
		return;
	for (size_t i = 0; i < g->n; i++) {
		emu_op_put_locked(g->nodes[i].op);
		emu_set_clear(&g->nodes[i].deps);
	}
	free(g->nodes);
	free(g);
}

/* Takes over op and what is in deps, also when it fails. */
int emu_graph_add_locked(struct emu_graph *g, struct emu_op *op, struct emu_set *deps,
			 unsigned int lane)
{
	struct emu_set taken = *deps;

	*deps = (struct emu_set){ 0 };
	if (g->n == g->room) {
		size_t room = g->room ? 2 * g->room : 64;
		struct emu_node *nodes = realloc(g->nodes, room * sizeof(*nodes));

		if (!nodes) {
			emu_op_put_locked(op);
			emu_set_clear(&taken);
			return -1;
		}
		g->nodes = nodes;
		g->room = room;
	}
	g->nodes[g->n++] = (struct emu_node){ op, taken, lane };
	return 0;
}

/* Lanes that belong to an executable graph have an owner, so that no handle finds them. */
static struct emu_stream *lane_new(struct emu_device *d)
{
	struct emu_stream *s = emu_stream_new_locked(d, false, 0);

	if (s)
		s->owner = d->engines[ENGINE_KERNEL].thread;
	return s;
}

struct emu_exec *emu_exec_new_locked(struct emu_device *d, struct emu_graph *g)
{
	struct emu_exec *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->graph = g;
	g->refs++;
	x->lanes = calloc(g->lanes + 1, sizeof(struct emu_stream *));
	for (unsigned int i = 1; x->lanes && i < g->lanes; i++) {
		x->lanes[i] = lane_new(d);
		if (!x->lanes[i]) {
			emu_exec_free_locked(x);
			return NULL;
		}
	}
	if (!x->lanes) {
		emu_exec_free_locked(x);
		return NULL;
	}
	x->next = d->execs;
	d->execs = x;
	return x;
}

/* What has been launched goes on. */
void emu_exec_free_locked(struct emu_exec *x)
{
	for (unsigned int i = 1; x->lanes && i < x->graph->lanes; i++)
		if (x->lanes[i])
			x->lanes[i]->live = false;
	emu_op_put_locked(x->last);
	emu_graph_put_locked(x->graph);
	free(x->lanes);
	free(x);
}

void emu_graphs_free_locked(struct emu_device *d)
{
	while (d->execs) {
		struct emu_exec *x = d->execs;

		d->execs = x->next;
		emu_exec_free_locked(x);
	}
	while (d->graphs) {
		struct emu_graph *g = d->graphs;

		d->graphs = g->next;
		emu_graph_put_locked(g);
	}
}

/* A node's work, to be run. */
static struct emu_op *op_copy(const struct emu_op *from)
{
	struct emu_op *op = emu_op_new(from->engine);

	if (!op)
		return NULL;
	op->lasts_ns = from->lasts_ns;
	op->copy = from->copy;
	op->host_fn = from->host_fn;
	op->host_data = from->host_data;
	if (!from->body)
		return op;
	op->args = malloc(from->body->args_bytes);
	if (!op->args) {
		emu_op_put_locked(op);
		return NULL;
	}
	memcpy(op->args, from->args, from->body->args_bytes);
	op->body = from->body;
	return op;
}

/* One launch: an op for its begin, one a node, one for its end. */
struct run {
	struct emu_op **ops;
	size_t n;
};

static void run_free(struct run *r)
{
	for (size_t i = 0; r->ops && i < r->n; i++)
		emu_op_put_locked(r->ops[i]);
	free(r->ops);
}

/* What node i waits for in other lanes; within its own the order does. Nodes that wait for none come
 * after the begin. */
static int node_waits(const struct emu_graph *g, size_t i, struct run *r)
{
	const struct emu_node *node = &g->nodes[i];
	struct emu_op *op = r->ops[1 + i];

	if (!node->deps.n)
		return node->lane ? emu_op_wait_for_locked(op, r->ops[0]) : 0;
	for (size_t k = 0; k < node->deps.n; k++) {
		size_t dep = node->deps.node[k];

		if (g->nodes[dep].lane != node->lane && emu_op_wait_for_locked(op, r->ops[1 + dep]))
			return -1;
	}
	return 0;
}

static int run_make(const struct emu_exec *x, struct run *r)
{
	const struct emu_graph *g = x->graph;

	r->n = g->n + 2;
	r->ops = calloc(r->n, sizeof(struct emu_op *));
	if (!r->ops)
		return -1;
	for (size_t i = 0; i < r->n; i++) {
		r->ops[i] = i && i <= g->n ? op_copy(g->nodes[i - 1].op) : emu_op_new(ENGINE_NONE);
		if (!r->ops[i])
			return -1;
	}
	/* Launches of one executable graph come one after the other. */
	if (emu_op_wait_for_locked(r->ops[0], x->last))
		return -1;
	for (size_t i = 0; i < g->n; i++)
		if (node_waits(g, i, r) ||
		    (g->nodes[i].lane && emu_op_wait_for_locked(r->ops[g->n + 1], r->ops[1 + i])))
			return -1;
	return 0;
}

static cudaError_t run_start(struct emu_device *d, const struct emu_exec *x, struct emu_stream *s,
			     const struct run *r)
{
	const struct emu_graph *g = x->graph;
	cudaError_t err = cudaSuccess;

	for (unsigned int i = 1; i < g->lanes; i++)
		x->lanes[i]->priority = s->priority;
	for (size_t i = 0; i < r->n && !err; i++) {
		unsigned int lane = i && i <= g->n ? g->nodes[i - 1].lane : 0;

		err = emu_append_locked(d, lane ? x->lanes[lane] : s, emu_op_get_locked(r->ops[i]));
	}
	return err;
}

cudaError_t emu_exec_launch_locked(struct emu_device *d, struct emu_exec *x, struct emu_stream *s)
{
	struct run r = { 0 };
	cudaError_t err;

	if (s->capture)
		return emu_capture_refuse_locked(s);
	err = emu_capture_check_legacy_locked(d, s, true);
	if (err)
		return err;
	/* A graph takes one place of the stream's, however many nodes it has. */
	while (s->pending >= d->config.queue_ops && s->head)
		emu_wait_locked(d, s->head, false, false);
	err = run_make(x, &r) ? cudaErrorMemoryAllocation : run_start(d, x, s, &r);
	if (!err) {
		emu_op_put_locked(x->last);
		x->last = emu_op_get_locked(r.ops[r.n - 1]);
	}
	run_free(&r);
	return err;
}
