/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A kernel of known length, on the CPU: the emulated device makes its time from the shape. */
#include "kernels.h"

struct kernel_shape delay_shape(const struct delay_args *a)
{
	return (struct kernel_shape){ .grid = 1, .block = KERNEL_LANES, .ns = a->ns };
}

void delay_reference(const struct delay_args *a)
{
	(void)a;
}
