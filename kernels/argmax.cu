/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Greedy sampling. */
#include "warp.cuh"

extern "C" __global__ void argmax_kernel(struct argmax_args a)
{
	const float *logits = a.logits + (size_t)blockIdx.x * a.vocab;
	float first = -INFINITY, second = -INFINITY;
	int best = a.vocab;

	for (int i = warp_lane(); i < a.vocab; i += KERNEL_LANES) {
		if (logits[i] > first) {
			second = first;
			first = logits[i];
			best = i;
		} else if (logits[i] > second) {
			second = logits[i];
		}
	}
	for (int half = KERNEL_LANES / 2; half > 0; half /= 2) {
		float other_first = __shfl_xor_sync(0xffffffff, first, half);
		float other_second = __shfl_xor_sync(0xffffffff, second, half);
		int other_best = __shfl_xor_sync(0xffffffff, best, half);

		second = fmaxf(fmaxf(second, other_second), fminf(first, other_first));
		if (other_first > first || (other_first == first && other_best < best)) {
			first = other_first;
			best = other_best;
		}
	}
	if (warp_lane() == 0) {
		a.token[blockIdx.x] = best < a.vocab ? best : 0;
		a.margin[blockIdx.x] = first - second;
	}
}

KERNEL_LAUNCH(argmax)
