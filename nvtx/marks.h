/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The marks of NVTX ranges, provider infbpf_nvtx: what the library turns ranges into. */
#ifndef NVTX_MARKS_H
#define NVTX_MARKS_H

#include <stdint.h>

/* With semaphores: the kernel raises each while somebody traces its mark. */
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

extern volatile unsigned short infbpf_nvtx_stage_begin_semaphore;
extern volatile unsigned short infbpf_nvtx_stage_end_semaphore;
extern volatile unsigned short infbpf_nvtx_wait_begin_semaphore;
extern volatile unsigned short infbpf_nvtx_wait_end_semaphore;

#define MARK_TRACED(mark)      (__builtin_expect(infbpf_nvtx_##mark##_semaphore, 0))
#define MARK_1(mark, name)     STAP_PROBE1(infbpf_nvtx, mark, name)
#define MARK_2(mark, name, id) STAP_PROBE2(infbpf_nvtx, mark, name, (uint64_t)(id))

#endif /* NVTX_MARKS_H */
