/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The launches, in a build without nvcc: what nvcc would generate for NAME_kernel<<<...>>>(args),
 * call by call (configuration pushed, then a stub that pops it, looks the kernel's handle up and
 * launches), so that a trace of either build looks the same. There is no device code: only the
 * emulated runtime can run them.
 */
#include "kernels.h"

/* nvcc calls the host-side function a kernel turns into __device_stub__NAME. */
#define KERNEL_STUB(name, ...)                                                                    \
	static __attribute__((noinline)) void __device_stub__##name##_kernel(                     \
		struct name##_args *a)                                                            \
	{                                                                                         \
		static cudaKernel_t handle;                                                       \
		void *args[] = { a };                                                             \
		dim3 grid, block;                                                                 \
		size_t shared_bytes;                                                              \
		cudaStream_t stream;                                                              \
                                                                                                  \
		if (!__atomic_load_n(&handle, __ATOMIC_ACQUIRE)) {                                \
			cudaKernel_t found;                                                       \
                                                                                                  \
			if (__cudaGetKernel(&found, (void *)__device_stub__##name##_kernel))      \
				found = NULL;                                                     \
			__atomic_store_n(&handle, found, __ATOMIC_RELEASE);                       \
		}                                                                                 \
		if (__cudaPopCallConfiguration(&grid, &block, &shared_bytes, &stream))            \
			return;                                                                   \
		__cudaLaunchKernel(handle, grid, block, args, shared_bytes, stream);              \
	}                                                                                         \
                                                                                                  \
	void name##_launch(const struct name##_args *a, cudaStream_t stream)                      \
	{                                                                                         \
		struct kernel_shape s = name##_shape(a);                                          \
		struct name##_args copy = *a;                                                     \
                                                                                                  \
		if (!__cudaPushCallConfiguration((dim3){ s.grid, 1, 1 }, (dim3){ s.block, 1, 1 }, \
						 s.shared_bytes, stream))                         \
			__device_stub__##name##_kernel(&copy);                                    \
	}
KERNELS(KERNEL_STUB)

#define KERNEL_REGISTER(name, ...)                                                             \
	__cudaRegisterFunction(handle, (const char *)__device_stub__##name##_kernel,           \
			       (char *)#name "_kernel", #name "_kernel", -1, NULL, NULL, NULL, \
			       NULL, NULL);

void kernels_init(void)
{
	/* nvcc's wrapper of the device code: magic, version, data, file name. */
	static const struct {
		int magic, version;
		const void *data, *name;
	} no_device_code = { 0x466243b1, 1, NULL, NULL };
	static void **handle;

	if (handle)
		return;
	handle = __cudaRegisterFatBinary((void *)&no_device_code);
	KERNELS(KERNEL_REGISTER)
	__cudaRegisterFatBinaryEnd(handle);
}

int kernels_for_gpu(void)
{
	return 0;
}
