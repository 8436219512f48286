/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernels' CPU references against plain double arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "kernels/exp.h"
#include "kernels/kernels.h"

/* Fills with numbers from -1 to 1. */
static void fill(float *v, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		v[i] = (float)(seed >> 8) / 8388608.0f - 1.0f;
	}
}

static void close_to(float got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("%.9g is not %.9g", got, want);
}

static void test_exp(void **state)
{
	double worst = 0;

	(void)state;
	for (double x = -86; x < 88; x += 0.00137) {
		float f = (float)x;
		double error = fabs(kernel_exp(f) / exp(f) - 1);

		worst = error > worst ? error : worst;
	}
	assert_true(worst < 3e-7);
	assert_true(worst > 1e-9); /* it was compared with something */
	assert_true(kernel_exp(0.0f) == 1.0f);
	assert_true(kernel_exp(-1000.0f) == 0.0f);
	assert_true(isfinite(kernel_exp(1000.0f)));
	close_to(kernel_silu(2.0f), 2.0 / (1 + exp(-2.0)), 1e-6);
}

static void test_matmul(void **state)
{
	enum { ROWS = 3, IN = 77, OUT = 5 };
	static float x[ROWS * IN], w[OUT * IN], out[ROWS * OUT];
	int32_t pick[2] = { 2, 0 };
	struct matmul_args a = {
		.out = out, .x = x, .weight = w, .rows = ROWS, .in = IN, .out_dim = OUT
	};

	(void)state;
	fill(x, ROWS * IN, 1);
	fill(w, OUT * IN, 2);
	for (int turn = 1; turn <= 2; turn++) {
		matmul_reference(&a);
		for (int r = 0; r < ROWS; r++) {
			for (int o = 0; o < OUT; o++) {
				double want = 0;

				for (int k = 0; k < IN; k++)
					want += (double)x[r * IN + k] * w[o * IN + k];
				close_to(out[r * OUT + o], turn * want, 1e-5);
			}
		}
		a.accumulate = 1; /* the second turn adds */
	}
	matmul_reference(&(struct matmul_args){ .out = out,
						.x = x,
						.weight = w,
						.pick = pick,
						.rows = 1,
						.in = IN,
						.out_dim = OUT });
	double want = 0;

	for (int k = 0; k < IN; k++)
		want += (double)x[2 * IN + k] * w[k];
	close_to(out[0], want, 1e-5);
}

static void test_rmsnorm(void **state)
{
	enum { DIM = 50 };
	float x[2 * DIM], w[DIM], out[2 * DIM];

	(void)state;
	fill(x, 2 * DIM, 3);
	fill(w, DIM, 4);
	rmsnorm_reference(&(struct rmsnorm_args){
		.out = out, .x = x, .weight = w, .rows = 2, .dim = DIM, .eps = 1e-5f });
	for (int r = 0; r < 2; r++) {
		double sum = 0;

		for (int i = 0; i < DIM; i++)
			sum += (double)x[r * DIM + i] * x[r * DIM + i];
		for (int i = 0; i < DIM; i++)
			close_to(out[r * DIM + i], x[r * DIM + i] / sqrt(sum / DIM + 1e-5) * w[i],
				 1e-6);
	}
}

static void test_embed_swiglu(void **state)
{
	float table[4 * 3], out[2 * 3], gate_up[2 * 2 * 3], h[2 * 3];
	int32_t token[2] = { 3, 1 };

	(void)state;
	fill(table, 12, 5);
	fill(gate_up, 12, 6);
	embed_reference(&(struct embed_args){
		.out = out, .table = table, .token = token, .rows = 2, .dim = 3 });
	assert_memory_equal(out, table + 9, 3 * sizeof(float));
	assert_memory_equal(out + 3, table + 3, 3 * sizeof(float));
	swiglu_reference(
		&(struct swiglu_args){ .out = h, .gate_up = gate_up, .rows = 2, .hidden = 3 });
	for (int r = 0; r < 2; r++) {
		for (int i = 0; i < 3; i++) {
			double g = gate_up[r * 6 + i], up = gate_up[r * 6 + 3 + i];

			close_to(h[r * 3 + i], g / (1 + exp(-g)) * up, 1e-6);
		}
	}
}

static void test_argmax(void **state)
{
	float logits[3][5] = { { 1, 5, 3, 5, 2 }, { -4, -2, -3, -9, -8 }, { 7, 1, 1, 6.5f, 1 } };
	int32_t token[3];
	float margin[3];

	(void)state;
	argmax_reference(&(struct argmax_args){
		.token = token, .margin = margin, .logits = logits[0], .rows = 3, .vocab = 5 });
	assert_int_equal(token[0], 1); /* the first of equals */
	assert_true(margin[0] == 0.0f);
	assert_int_equal(token[1], 1);
	assert_true(margin[1] == 1.0f);
	assert_int_equal(token[2], 0);
	assert_true(margin[2] == 0.5f);
}

enum { DIM = 24, HEAD = 8, SEQ = 40, SLOTS = 2, LEN = 37 };

struct cache {
	float k[SLOTS * SEQ * DIM], v[SLOTS * SEQ * DIM];
	float cos_sin[SEQ * HEAD];
};

static void cache_init(struct cache *c)
{
	fill(c->k, SLOTS * SEQ * DIM, 70); /* rubbish that must not be read */
	fill(c->v, SLOTS * SEQ * DIM, 71);
	for (int t = 0; t < SEQ; t++) {
		for (int i = 0; i < HEAD; i += 2) {
			double angle = t * pow(10000.0, -(double)i / HEAD);

			c->cos_sin[t * HEAD + i] = (float)cos(angle);
			c->cos_sin[t * HEAD + i + 1] = (float)sin(angle);
		}
	}
}

/* Rows first to last - 1 of a sequence in a slot: rope, then attention. */
static void attend(struct cache *c, float *qkv, float *out, int slot, int first, int last)
{
	int32_t position[LEN], slots[LEN];
	struct rope_args rope = { .qkv = qkv + first * 3 * DIM,
				  .k_cache = c->k,
				  .v_cache = c->v,
				  .cos_sin = c->cos_sin,
				  .position = position,
				  .slot = slots,
				  .rows = last - first,
				  .dim = DIM,
				  .head_dim = HEAD,
				  .max_seq = SEQ };
	struct attention_args attention = { .out = out + first * DIM,
					    .qkv = rope.qkv,
					    .k_cache = c->k,
					    .v_cache = c->v,
					    .position = position,
					    .slot = slots,
					    .rows = last - first,
					    .dim = DIM,
					    .head_dim = HEAD,
					    .max_seq = SEQ,
					    .scale = 1.0f / sqrtf(HEAD) };

	for (int i = first; i < last; i++) {
		position[i - first] = i;
		slots[i - first] = slot;
	}
	rope_reference(&rope);
	attention_reference(&attention);
}

/* Attention of one row and head, recomputed from all q, k, v in doubles, without any cache. */
static void naive(const float *qkv, int row, int head, double *out)
{
	double score[LEN], rotated[2][HEAD], sum = 0;

	for (int t = 0; t <= row; t++) {
		score[t] = 0;
		for (int side = 0; side < 2; side++) {
			const float *x =
				qkv + (side ? t : row) * 3 * DIM + side * DIM + head * HEAD;

			for (int i = 0; i < HEAD; i += 2) {
				double angle = (side ? t : row) * pow(10000.0, -(double)i / HEAD);

				rotated[side][i] = x[i] * cos(angle) - x[i + 1] * sin(angle);
				rotated[side][i + 1] = x[i] * sin(angle) + x[i + 1] * cos(angle);
			}
		}
		for (int i = 0; i < HEAD; i++)
			score[t] += rotated[0][i] * rotated[1][i];
		score[t] = exp(score[t] / sqrt(HEAD));
		sum += score[t];
	}
	for (int i = 0; i < HEAD; i++) {
		out[i] = 0;
		for (int t = 0; t <= row; t++)
			out[i] += score[t] / sum * qkv[t * 3 * DIM + 2 * DIM + head * HEAD + i];
	}
}

static void test_attention_naive(void **state)
{
	static struct cache c;
	static float qkv[LEN * 3 * DIM], plain[LEN * 3 * DIM], out[LEN * DIM];

	(void)state;
	cache_init(&c);
	fill(qkv, LEN * 3 * DIM, 8);
	memcpy(plain, qkv, sizeof(plain));
	attend(&c, qkv, out, 1, 0, LEN);
	for (int row = 0; row < LEN; row++) {
		for (int head = 0; head < DIM / HEAD; head++) {
			double want[HEAD];

			naive(plain, row, head, want);
			for (int i = 0; i < HEAD; i++)
				close_to(out[row * DIM + head * HEAD + i], want[i], 2e-6);
		}
	}
}

/* Prefill and then token by token gives the bits of all at once: what makes batching harmless. */
static void test_attention_incremental(void **state)
{
	static struct cache all, step;
	static float qkv[LEN * 3 * DIM], other[LEN * 3 * DIM], a[LEN * DIM], b[LEN * DIM];

	(void)state;
	cache_init(&all);
	cache_init(&step);
	fill(qkv, LEN * 3 * DIM, 9);
	memcpy(other, qkv, sizeof(other));
	attend(&all, qkv, a, 0, 0, LEN);
	attend(&step, other, b, 1, 0, 11);
	for (int i = 11; i < LEN; i++)
		attend(&step, other, b, 1, i, i + 1);
	assert_memory_equal(a, b, sizeof(a));
	/* The same rows in the cache, each in its slot, and the other slot left alone. */
	assert_memory_equal(all.k, step.k + SEQ * DIM, LEN * DIM * sizeof(float));
	assert_memory_equal(all.v, step.v + SEQ * DIM, LEN * DIM * sizeof(float));
	assert_memory_not_equal(all.k, step.k, LEN * DIM * sizeof(float));
}

static void test_shapes(void **state)
{
	struct kernel_shape s;

	(void)state;
	s = matmul_shape(&(struct matmul_args){ .rows = 3, .in = 8, .out_dim = 5 });
	assert_int_equal(s.grid, 4); /* 15 warps, four a block */
	assert_int_equal(s.block % KERNEL_LANES, 0);
	assert_int_equal(s.flops, 2 * 3 * 8 * 5);
	s = delay_shape(&(struct delay_args){ .ns = 12345 });
	assert_int_equal(s.ns, 12345);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exp),
		cmocka_unit_test(test_matmul),
		cmocka_unit_test(test_rmsnorm),
		cmocka_unit_test(test_embed_swiglu),
		cmocka_unit_test(test_argmax),
		cmocka_unit_test(test_attention_naive),
		cmocka_unit_test(test_attention_incremental),
		cmocka_unit_test(test_shapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
