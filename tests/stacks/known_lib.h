/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KNOWN_LIB_H
#define KNOWN_LIB_H

void lib_tiny(void);

#endif /* KNOWN_LIB_H */
