/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Exported: kernel launches, and what nvcc's host code calls to get there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "emu.h"

/* A registered kernel. Its address is the cudaKernel_t handle. Registration happens in the
 * program's constructors and is never undone here: handles stay good. */
struct kernel {
	struct kernel *next;
	const void *host_fun;
	char *name;
	const struct emu_body *body; /* NULL: unknown */
	bool warned;
};

static struct kernel *kernels;
static pthread_mutex_t kernels_lock = PTHREAD_MUTEX_INITIALIZER;

/* By host stub or by handle. */
static struct kernel *kernel_find(const void *key)
{
	struct kernel *k;

	pthread_mutex_lock(&kernels_lock);
	for (k = kernels; k; k = k->next)
		if (k->host_fun == key || (const void *)k == key)
			break;
	pthread_mutex_unlock(&kernels_lock);
	return k;
}

/* The device code itself is of no use here; the handle only has to be some address. */
EMU_API void **__cudaRegisterFatBinary(void *fat_binary)
{
	void **handle = malloc(sizeof(*handle));

	if (handle)
		*handle = fat_binary;
	return handle;
}

EMU_API void __cudaRegisterFatBinaryEnd(void **handle)
{
	(void)handle;
}

EMU_API void __cudaUnregisterFatBinary(void **handle)
{
	free(handle);
}

EMU_API char __cudaInitModule(void **handle)
{
	(void)handle;
	return 1;
}

EMU_API void __cudaRegisterFunction(void **handle, const char *host_fun, char *device_fun,
				    const char *device_name, int thread_limit, uint3 *thread_id,
				    uint3 *block_id, dim3 *block_dim, dim3 *grid_dim,
				    int *warp_size)
{
	struct kernel *k = calloc(1, sizeof(*k));

	(void)handle, (void)device_fun, (void)thread_limit, (void)thread_id, (void)block_id;
	(void)block_dim, (void)grid_dim, (void)warp_size;
	if (!k)
		return;
	k->name = strdup(device_name);
	if (!k->name) {
		free(k);
		return;
	}
	k->host_fun = host_fun;
	k->body = emu_body_find(device_name);
	pthread_mutex_lock(&kernels_lock);
	k->next = kernels;
	kernels = k;
	pthread_mutex_unlock(&kernels_lock);
}

EMU_API cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *host_fun)
{
	struct kernel *k = kernel_find(host_fun);

	if (!kernel)
		return emu_leave(cudaErrorInvalidValue);
	if (!k)
		return emu_leave(cudaErrorInvalidDeviceFunction);
	*kernel = (cudaKernel_t)k;
	return cudaSuccess;
}

/* Between <<<>>> and the stub. Launches do not nest, but arguments may contain launches. */
struct call_configuration {
	dim3 grid, block;
	size_t shared_bytes;
	cudaStream_t stream;
};
#define CONFIGURATIONS 8
static _Thread_local struct call_configuration configurations[CONFIGURATIONS];
static _Thread_local unsigned int configurations_n;

EMU_API unsigned int __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes,
						 cudaStream_t stream)
{
	if (configurations_n == CONFIGURATIONS)
		return cudaErrorMissingConfiguration;
	configurations[configurations_n++] =
		(struct call_configuration){ grid, block, shared_bytes, stream };
	return cudaSuccess;
}

EMU_API cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared_bytes,
					       void *stream)
{
	struct call_configuration *c;

	if (!configurations_n)
		return emu_leave(cudaErrorMissingConfiguration);
	c = &configurations[--configurations_n];
	*grid = c->grid;
	*block = c->block;
	*shared_bytes = c->shared_bytes;
	memcpy(stream, &c->stream, sizeof(c->stream));
	return cudaSuccess;
}

static bool shape_bad(dim3 grid, dim3 block, size_t shared_bytes)
{
	if (!grid.x || !grid.y || !grid.z || !block.x || !block.y || !block.z)
		return true;
	if (grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
		return true;
	if (block.x > 1024 || block.y > 1024 || block.z > 64 || shared_bytes > 48 << 10)
		return true;
	return (size_t)block.x * block.y * block.z > 1024;
}

/* A kernel without a body here lasts its fixed part and computes nothing: said once a kernel. */
static cudaError_t kernel_unknown(const struct emu_device *d, struct kernel *k)
{
	if (!__atomic_exchange_n(&k->warned, true, __ATOMIC_RELAXED))
		fprintf(stderr, "infbpf emu: kernel %s has no CPU body: %s\n", k->name,
			d->config.unknown_is_error ? "its launches fail"
						   : "it takes time but computes nothing");
	return d->config.unknown_is_error ? cudaErrorInvalidDeviceFunction : cudaSuccess;
}

static struct emu_op *kernel_op(const struct emu_device *d, const struct kernel *k, void **args)
{
	struct emu_op *op = emu_op_new(ENGINE_KERNEL);
	struct emu_work work;

	if (!op)
		return NULL;
	op->lasts_ns = emu_config_kernel_ns(&d->config, k->name);
	if (!k->body)
		return op; /* an empty copy: height 0 */
	op->args = malloc(k->body->args_bytes);
	if (!op->args) {
		free(op);
		return NULL;
	}
	memcpy(op->args, args[0], k->body->args_bytes);
	op->body = k->body;
	work = k->body->work(op->args);
	op->lasts_ns += (uint64_t)((double)work.flops / d->config.flops_per_ns);
	if (work.ns)
		op->lasts_ns = work.ns;
	return op;
}

static cudaError_t launch(const void *kernel, dim3 grid, dim3 block, void **args,
			  size_t shared_bytes, cudaStream_t stream)
{
	struct kernel *k = kernel_find(kernel);
	struct emu_device *d;
	struct emu_stream *s;
	struct emu_op *op = NULL;
	uint64_t began = emu_now_ns();
	cudaError_t err = emu_enter(&d);

	if (err)
		return err;
	s = emu_stream_find_locked(d, stream);
	if (!kernel || !k)
		err = cudaErrorInvalidDeviceFunction;
	else if (shape_bad(grid, block, shared_bytes))
		err = cudaErrorInvalidConfiguration;
	else if (!s)
		err = cudaErrorInvalidResourceHandle;
	else if (k->body && (!args || !args[0]))
		err = cudaErrorInvalidValue;
	else if (!k->body)
		err = kernel_unknown(d, k);
	if (!err) {
		op = kernel_op(d, k, args);
		err = op ? emu_submit_locked(d, s, op) : cudaErrorMemoryAllocation;
	}
	pthread_mutex_unlock(&d->lock);
	emu_call_last(d, began);
	return err;
}

EMU_API cudaError_t cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **args,
				     size_t shared_bytes, cudaStream_t stream)
{
	return emu_leave(launch(kernel, grid, block, args, shared_bytes, stream));
}

/* One device, whose kernels run one after another: any launch is cooperative. */
EMU_API cudaError_t cudaLaunchCooperativeKernel(const void *kernel, dim3 grid, dim3 block,
						void **args, size_t shared_bytes,
						cudaStream_t stream)
{
	return emu_leave(launch(kernel, grid, block, args, shared_bytes, stream));
}

EMU_API cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *c, const void *kernel,
					void **args)
{
	if (!c)
		return emu_leave(cudaErrorInvalidValue);
	return emu_leave(
		launch(kernel, c->gridDim, c->blockDim, args, c->dynamicSmemBytes, c->stream));
}
