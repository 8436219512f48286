/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernels launched by the code that nvcc makes of <<<>>>. Built by tests/truth/real.py. */
#include <cstdio>
#include "book.h"
extern "C" {
#include "../truth.h"
}

__global__ void saxpy(float *y, float *x, float a)
{
	if (y)
		y[threadIdx.x] += a * x[threadIdx.x];
}

template <int N> __global__ void scale(float *x)
{
	if (x)
		x[threadIdx.x] *= N;
}

namespace layer
{
__global__ void rmsnorm(float *y, const float *x, int n)
{
	if (y)
		y[threadIdx.x] = x[threadIdx.x] / n;
}
} // namespace layer

static uint64_t calls[3], errors[3];

static void came_back(int kernel)
{
	int ret = cudaGetLastError();

	calls[kernel]++;
	errors[kernel] += ret != 0;
	book("cudaLaunchKernel", ret, 0);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "saxpy", "scale<4>", "layer::rmsnorm" };
	char name[64];

	truth_init("real", argc, argv);
	book_open();
	truth_ready();
	truth_attached();
	/* A program of a few milliseconds may be gone before its symbols can be read. */
	truth_sleep(300000000);
	for (int r = 0; r < 10; r++) {
		saxpy<<<1, 1>>>(nullptr, nullptr, 1);
		came_back(0);
		for (int i = 0; i < 2; i++) {
			scale<4><<<1, 1>>>(nullptr);
			came_back(1);
		}
		for (int i = 0; i < 3; i++) {
			layer::rmsnorm<<<1, 1>>>(nullptr, nullptr, 1);
			came_back(2);
		}
	}
	for (int k = 0; k < 3; k++) {
		snprintf(name, sizeof(name), "launch.%s.calls", names[k]);
		truth_number(name, calls[k]);
		snprintf(name, sizeof(name), "launch.%s.errors", names[k]);
		truth_number(name, errors[k]);
	}
	book_tell();
	truth_print();
	return 0;
}
