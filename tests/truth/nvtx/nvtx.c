/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ranges by NVIDIA's own headers, of known number and length, each kind a few times. The library that turns
 * them into marks is named by NVTX_INJECTION64_PATH; without it NVTX does nothing, and push returns
 * another number than the depth.
 */
#include <nvtx3/nvToolsExt.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "../../../nvtx/abi.h"
#include "../truth.h"

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #theirs)
SAME(ABI_TABLE_CALLBACKS, NVTX_ETID_CALLBACKS);
SAME(ABI_CORE, NVTX_CB_MODULE_CORE);
SAME(ABI_CORE2, NVTX_CB_MODULE_CORE2);
SAME(ABI_RANGE_START_EX, NVTX_CBID_CORE_RangeStartEx);
SAME(ABI_RANGE_START_A, NVTX_CBID_CORE_RangeStartA);
SAME(ABI_RANGE_START_W, NVTX_CBID_CORE_RangeStartW);
SAME(ABI_RANGE_END, NVTX_CBID_CORE_RangeEnd);
SAME(ABI_RANGE_PUSH_EX, NVTX_CBID_CORE_RangePushEx);
SAME(ABI_RANGE_PUSH_A, NVTX_CBID_CORE_RangePushA);
SAME(ABI_RANGE_PUSH_W, NVTX_CBID_CORE_RangePushW);
SAME(ABI_RANGE_POP, NVTX_CBID_CORE_RangePop);
SAME(ABI_DOMAIN_RANGE_START_EX, NVTX_CBID_CORE2_DomainRangeStartEx);
SAME(ABI_DOMAIN_RANGE_END, NVTX_CBID_CORE2_DomainRangeEnd);
SAME(ABI_DOMAIN_RANGE_PUSH_EX, NVTX_CBID_CORE2_DomainRangePushEx);
SAME(ABI_DOMAIN_RANGE_POP, NVTX_CBID_CORE2_DomainRangePop);
SAME(ABI_DOMAIN_REGISTER_STRING_A, NVTX_CBID_CORE2_DomainRegisterStringA);
SAME(ABI_DOMAIN_REGISTER_STRING_W, NVTX_CBID_CORE2_DomainRegisterStringW);
SAME(ABI_DOMAIN_CREATE_A, NVTX_CBID_CORE2_DomainCreateA);
SAME(ABI_DOMAIN_CREATE_W, NVTX_CBID_CORE2_DomainCreateW);
SAME(ABI_MESSAGE_ASCII, NVTX_MESSAGE_TYPE_ASCII);
SAME(ABI_MESSAGE_UNICODE, NVTX_MESSAGE_TYPE_UNICODE);
SAME(ABI_MESSAGE_REGISTERED, NVTX_MESSAGE_TYPE_REGISTERED);
SAME(ABI_NO_PUSH_POP_TRACKING, NVTX_NO_PUSH_POP_TRACKING);
SAME(sizeof(struct abi_event), NVTX_EVENT_ATTRIB_STRUCT_SIZE);
SAME(offsetof(struct abi_event, size), offsetof(nvtxEventAttributes_t, size));
SAME(offsetof(struct abi_event, message_type), offsetof(nvtxEventAttributes_t, messageType));
SAME(offsetof(struct abi_event, message), offsetof(nvtxEventAttributes_t, message));
SAME(offsetof(struct abi_callbacks, functions),
     offsetof(NvtxExportTableCallbacks, GetModuleFunctionTable));

#define MS 1000000ull

static nvtxDomainHandle_t domain;
static nvtxStringHandle_t registered;
static uint64_t wrong; /* answers that are not what NVTX promises */

static void expect_depth(int got, int want)
{
	wrong += got != want;
}

static nvtxEventAttributes_t event(int type, const void *message)
{
	nvtxEventAttributes_t e;

	memset(&e, 0, sizeof(e));
	e.version = NVTX_VERSION;
	e.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
	e.messageType = type;
	e.message.ascii = message;
	return e;
}

/* Each pushes, calls within() and pops. */
static void in_ascii(void (*within)(void))
{
	expect_depth(nvtxRangePushA("ascii"), 0);
	within();
	expect_depth(nvtxRangePop(), 0);
}

static void in_wide(void (*within)(void))
{
	expect_depth(nvtxRangePushW(L"weit \u00fc\u20ac\U0001f600"), 0);
	within();
	expect_depth(nvtxRangePop(), 0);
}

static void in_event(void (*within)(void))
{
	const nvtxEventAttributes_t e =
		event(NVTX_MESSAGE_TYPE_ASCII, "an event whose name is longer than 31 bytes");

	expect_depth(nvtxRangePushEx(&e), 0);
	within();
	expect_depth(nvtxRangePop(), 0);
}

static void in_registered(void (*within)(void))
{
	const nvtxEventAttributes_t e = event(NVTX_MESSAGE_TYPE_REGISTERED, registered);

	expect_depth(nvtxDomainRangePushEx(domain, &e), 0);
	within();
	expect_depth(nvtxDomainRangePop(domain), 0);
}

static void inner_twice(void (*within)(void))
{
	for (int i = 0; i < 2; i++) {
		expect_depth(nvtxRangePushA("inner"), 1);
		within();
		expect_depth(nvtxRangePop(), 1);
	}
}

static void in_outer(void (*within)(void))
{
	expect_depth(nvtxRangePushA("outer"), 0);
	inner_twice(within);
	expect_depth(nvtxRangePop(), 0);
}

static void nap(void)
{
	truth_sleep(2 * MS);
}

static const struct {
	const char *name;
	void (*in)(void (*within)(void));
	int naps;
} kinds[] = {
	{ "ascii", in_ascii, 1 },
	{ "weit \u00fc\u20ac\U0001f600", in_wide, 1 },
	{ "an event whose name is longer t", in_event, 1 },
	{ "registered", in_registered, 1 },
	{ "outer", in_outer, 2 },
};

static void *end_range(void *arg)
{
	nap();
	nvtxRangeEnd(*(nvtxRangeId_t *)arg);
	return NULL;
}

/* Begins here, ends on another thread. */
static uint64_t across_threads(void)
{
	uint64_t begin = truth_now_ns();
	nvtxRangeId_t id = nvtxRangeStartA("across");
	pthread_t thread;

	if (pthread_create(&thread, NULL, end_range, &id))
		truth_die("pthread_create");
	pthread_join(thread, NULL);
	return truth_now_ns() - begin;
}

static void tell(const char *what, const char *name, uint64_t value)
{
	char text[96];

	snprintf(text, sizeof(text), "%s:%s", what, name);
	truth_number(text, value);
}

int main(int argc, char **argv)
{
	uint64_t begin, around;
	long rounds;

	truth_init("nvtx", argc, argv);
	rounds = truth_arg("rounds", 10);
	nvtxInitialize(NULL);
	domain = nvtxDomainCreateA("infbpf tests");
	registered = nvtxDomainRegisterStringA(domain, "registered");
	wrong += nvtxDomainRegisterStringW(domain, L"registered") != registered;
	truth_ready();
	truth_attached();
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		begin = truth_now_ns();
		for (long i = 0; i < rounds; i++)
			kinds[k].in(nap);
		tell("around", kinds[k].name, truth_now_ns() - begin);
		tell("calls", kinds[k].name, (uint64_t)rounds);
		tell("naps", kinds[k].name, (uint64_t)(rounds * kinds[k].naps));
	}
	tell("calls", "inner", (uint64_t)rounds * 2);
	tell("naps", "inner", (uint64_t)rounds * 2);
	around = 0;
	for (long i = 0; i < rounds; i++)
		around += across_threads();
	truth_number("across_ns", around);
	/* A pop too many is nothing. */
	expect_depth(nvtxRangePop(), -1);
	truth_number("wrong", wrong);
	truth_thread();
	truth_print();
	return 0;
}
