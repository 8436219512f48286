/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A library that is called through the PLT. */
#include "known_lib.h"

void lib_tiny(void)
{
	__asm__ volatile("nop");
}
