/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Owns the maps and globals that infbpf.bpf.h declares. */
#define INFBPF_OWNER
#include "infbpf.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
