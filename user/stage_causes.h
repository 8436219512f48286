/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel side is told of the causes of waits. */
#ifndef STAGE_CAUSES_H
#define STAGE_CAUSES_H

#include "infbpf.h"

/* Fills the table: see STAGE_CAUSE_ROW. */
void stage_causes(__u8 table[STAGE_CAUSE_TABLE]);

#endif /* STAGE_CAUSES_H */
