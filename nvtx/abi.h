/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an injection library has to know of NVTX 3: values and layouts, as the public headers have them
 * (nvToolsExt.h, nvtxDetail/nvtxTypes.h, nvtxDetail/nvtxImpl.h; https://github.com/NVIDIA/NVTX). They are
 * the interface between programs and libraries built apart, and have not changed since version 3.0. The
 * tests hold them against the real headers.
 */
#ifndef NVTX_ABI_H
#define NVTX_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

/* NvtxExportTableID, and what is behind the first. */
#define ABI_TABLE_CALLBACKS 1
/* A function of the program's, called through a variable of it. The table holds the variables' addresses. */
typedef void (*abi_function)(void);
struct abi_callbacks {
	size_t size;
	/* 1: done. n: entries of the table. */
	int (*functions)(uint32_t module, abi_function ***table, unsigned int *n);
};
typedef const void *(*abi_export_table_fn)(uint32_t id);

/* NvtxCallbackModule */
#define ABI_CORE  1
#define ABI_CORE2 5

/* NvtxCallbackIdCore */
enum {
	ABI_RANGE_START_EX = 4,
	ABI_RANGE_START_A = 5,
	ABI_RANGE_START_W = 6,
	ABI_RANGE_END = 7,
	ABI_RANGE_PUSH_EX = 8,
	ABI_RANGE_PUSH_A = 9,
	ABI_RANGE_PUSH_W = 10,
	ABI_RANGE_POP = 11,
};

/* NvtxCallbackIdCore2 */
enum {
	ABI_DOMAIN_RANGE_START_EX = 2,
	ABI_DOMAIN_RANGE_END = 3,
	ABI_DOMAIN_RANGE_PUSH_EX = 4,
	ABI_DOMAIN_RANGE_POP = 5,
	ABI_DOMAIN_REGISTER_STRING_A = 10,
	ABI_DOMAIN_REGISTER_STRING_W = 11,
	ABI_DOMAIN_CREATE_A = 12,
	ABI_DOMAIN_CREATE_W = 13,
};

/* nvtxMessageType_t */
enum { ABI_MESSAGE_ASCII = 1, ABI_MESSAGE_UNICODE = 2, ABI_MESSAGE_REGISTERED = 3 };

/* nvtxEventAttributes_t, version 2: 48 bytes, which later versions only add to. */
struct abi_event {
	uint16_t version;
	uint16_t size;
	uint32_t category;
	int32_t color_type;
	uint32_t color;
	int32_t payload_type;
	int32_t reserved;
	uint64_t payload;
	int32_t message_type;
	union {
		const char *ascii;
		const wchar_t *unicode;
		const void *registered; /* what registering the string returned */
	} message;
};

/* NVTX_NO_PUSH_POP_TRACKING: what push and pop return where nobody keeps count. */
#define ABI_NO_PUSH_POP_TRACKING (-2)

#endif /* NVTX_ABI_H */
