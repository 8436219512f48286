/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The numbers of a CUDA header, for comparing two of them (test_gpu_abi.c). */
#ifndef GPU_ABI_VALUES_H
#define GPU_ABI_VALUES_H

struct abi_value {
	const char *name;
	unsigned long value;
};

/* Ended by a row without a name. The second one is there only where there is a toolkit. */
extern const struct abi_value abi_values_ours[];
extern const struct abi_value abi_values_toolkit[] __attribute__((weak));

#endif /* GPU_ABI_VALUES_H */
