/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls of NVIDIA's own runtime, which without a driver answers each of them with error 35. What comes
 * back is booked, whatever it is. Built by tests/truth/real.py. */
#include "book.h"
#include "fake_cudart.h"
#include "../truth.h"

int main(int argc, char **argv)
{
	void *device = NULL, *pinned = NULL, *stream = NULL;
	char host[256] = { 0 };
	long rounds;

	truth_init("real", argc, argv);
	rounds = truth_arg("rounds", 50);
	book_open();
	truth_ready();
	truth_attached();
	for (long r = 0; r < rounds; r++) {
		BOOK_BYTES(sizeof(host), cudaMalloc, &device, sizeof(host));
		BOOK_BYTES(4096, cudaMallocHost, &pinned, 4096);
		BOOK(cudaStreamCreate, &stream);
		BOOK_COPY(100, FAKE_H2D, cudaMemcpy, device, host, 100, FAKE_H2D);
		BOOK_COPY(50, FAKE_D2H, cudaMemcpyAsync, host, device, 50, FAKE_D2H, NULL);
		BOOK_BYTES(64, cudaMemset, device, 0, 64);
		BOOK(cudaStreamSynchronize, NULL);
		BOOK(cudaDeviceSynchronize);
		BOOK(cudaStreamDestroy, stream);
		BOOK(cudaFreeHost, pinned);
		BOOK(cudaFree, device);
	}
	book_tell();
	truth_print();
	return 0;
}
