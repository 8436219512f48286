/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef APPORTION_H
#define APPORTION_H

#include <stddef.h>
#include <stdint.h>

/*
 * Divides total among n shares in proportion to their weights, by largest remainder: the shares are
 * integers, sum to total exactly, and each is less than one off its due. Equal remainders: the
 * earlier share gets it. All weights 0: equal shares. The weights must sum to less than 2^64; shares
 * may be the same array as weights. n 0: nothing is divided. -ENOMEM.
 */
int apportion(uint64_t total, const uint64_t *weights, size_t n, uint64_t *shares);

#endif /* APPORTION_H */
