/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From measured quantities to what to change. */
#ifndef VERDICT_H
#define VERDICT_H

#include "profile.h"

/* Fills in p->verdicts, the heaviest first; at least one, "none" where no rule holds. Of a finished
 * profile. 0 or -ENOMEM. */
int verdict_judge(struct profile *p);

#endif /* VERDICT_H */
