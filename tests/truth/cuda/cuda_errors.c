/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls that fail, with known codes: of those infbpf has names for, and of one that is none. */
#include "book.h"
#include "fake_cudart.h"
#include "../truth.h"

/* Code and how often it comes. 600 is cudaErrorNotReady, which queries answer. */
static const struct {
	int code, times;
} codes[] = { { 0, 9 }, { 1, 2 }, { 2, 3 }, { 35, 5 }, { 700, 4 }, { 719, 1 }, { 99999, 6 } };

int main(int argc, char **argv)
{
	static const struct fake_dim3 one = { 1, 1, 1 };
	void *p = NULL;

	truth_init("cuda_errors", argc, argv);
	book_open();
	truth_ready();
	truth_attached();
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		fake_plan.result = codes[i].code;
		for (int t = 0; t < codes[i].times; t++) {
			BOOK(cudaStreamSynchronize, NULL);
			BOOK(cudaLaunchKernel, (const void *)codes, one, one, NULL, 0, NULL);
			BOOK_BYTES(100, cudaMalloc, &p, 100);
			BOOK_COPY(7, FAKE_H2D, cudaMemcpyAsync, (void *)&p, NULL, 7, FAKE_H2D,
				  NULL);
		}
	}
	fake_plan.result = 600;
	for (int t = 0; t < 8; t++)
		BOOK(cudaStreamQuery, NULL);
	book_tell();
	truth_print();
	return 0;
}
