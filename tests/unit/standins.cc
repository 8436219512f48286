/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Functions with the names that the presets look for, declared as the projects' public headers and sources
 * have them, as far as their names' mangling depends on it. */
#define SUBJECT __attribute__((noinline, noclone, visibility("default")))

static volatile int sink;

extern "C" {
#define C_FUNCTION(name)         \
	SUBJECT int name(int n)  \
	{                        \
		sink = sink + n; \
		return sink + 1; \
	}
C_FUNCTION(llama_decode)
C_FUNCTION(llama_encode)
C_FUNCTION(llama_tokenize)
C_FUNCTION(llama_token_to_piece)
C_FUNCTION(llama_sampler_sample)
C_FUNCTION(llama_synchronize)
C_FUNCTION(ggml_backend_sched_alloc_graph)
C_FUNCTION(ggml_backend_sched_graph_compute_async)
C_FUNCTION(TRITONSERVER_ServerInferAsync)
C_FUNCTION(TRITONBACKEND_ModelInstanceExecute)
C_FUNCTION(TRITONBACKEND_OutputBuffer)
C_FUNCTION(TRITONBACKEND_ResponseSend)
C_FUNCTION(TRITONBACKEND_RequestRelease)
}

struct ggml_backend;
struct ggml_cgraph;
/* Static in ggml: a local symbol, with C++'s mangling. */
__attribute__((noinline, noclone)) static int ggml_backend_cuda_graph_compute(ggml_backend *b,
									      ggml_cgraph *g)
{
	sink = sink + (b != nullptr) + (g != nullptr);
	return sink;
}
SUBJECT int call_static(ggml_backend *b)
{
	return ggml_backend_cuda_graph_compute(b, nullptr) + 1;
}

#define BODY                     \
	{                        \
		sink = sink + 1; \
		return sink + 1; \
	}

struct server_context_impl {
	int update_slots();
};
SUBJECT int server_context_impl::update_slots() BODY

	struct CUstream_st;
namespace nvinfer1
{
class IExecutionContext
{
      public:
	int enqueueV3(CUstream_st *stream);
};
SUBJECT int IExecutionContext::enqueueV3(CUstream_st *) BODY class IRuntime
{
      public:
	int deserializeCudaEngine(const void *blob, unsigned long size);
};
SUBJECT int IRuntime::deserializeCudaEngine(const void *, unsigned long) BODY
} // namespace nvinfer1

namespace tensorrt_llm
{
namespace runtime
{
class TllmRuntime
{
      public:
	int executeContext(int context) const;
};
SUBJECT int TllmRuntime::executeContext(int) const BODY
} // namespace runtime
namespace batch_manager
{
struct RequestList;
class TrtGptModelInflightBatching
{
      public:
	int forwardAsync(const RequestList &requests);
	int forwardSync();
};
SUBJECT int TrtGptModelInflightBatching::forwardAsync(const RequestList &) BODY SUBJECT
	int TrtGptModelInflightBatching::forwardSync() BODY
} // namespace batch_manager
} // namespace tensorrt_llm

namespace triton
{
namespace core
{
struct Request;
class TritonModelInstance
{
      public:
	int Execute(Request **requests);
};
SUBJECT int TritonModelInstance::Execute(Request **) BODY class DynamicBatchScheduler
{
      public:
	int Enqueue(Request *request);
};
SUBJECT int DynamicBatchScheduler::Enqueue(Request *) BODY
} // namespace core
} // namespace triton

namespace at
{
class Tensor;
namespace _ops
{
struct add_Tensor {
	static int call(const Tensor &self, const Tensor &other);
	static int redispatch(const Tensor &self, const Tensor &other);
};
SUBJECT int add_Tensor::call(const Tensor &, const Tensor &) BODY SUBJECT
	int add_Tensor::redispatch(const Tensor &, const Tensor &) BODY
	struct _scaled_dot_product_flash_attention_backward {
	static int call(const Tensor &self);
};
SUBJECT int _scaled_dot_product_flash_attention_backward::call(const Tensor &) BODY
} // namespace _ops
} // namespace at

namespace torch
{
namespace jit
{
struct GraphExecutor {
	int run(void *stack);
};
SUBJECT int GraphExecutor::run(void *) BODY
} // namespace jit
namespace inductor
{
class AOTIModelContainerRunner
{
      public:
	int run(void *inputs);
};
SUBJECT int AOTIModelContainerRunner::run(void *) BODY
} // namespace inductor
namespace autograd
{
struct Engine {
	virtual int execute(void *roots);
	virtual ~Engine() = default;
};
SUBJECT int Engine::execute(void *) BODY
} // namespace autograd
} // namespace torch

namespace torch_tensorrt
{
namespace core
{
namespace runtime
{
struct TRTEngine;
SUBJECT int execute_engine(TRTEngine *) BODY
} // namespace runtime
} // namespace core
} // namespace torch_tensorrt
