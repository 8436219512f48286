// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "private.h"
void disk_load(struct unwind_file *f)
{
	(void)f;
}
void disk_save(struct unwind_file *f)
{
	(void)f;
}
void disk_trim(const struct unwind *u)
{
	(void)u;
}
