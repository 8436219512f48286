# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# llama.cpp and ggml: the libraries, or programs that they are linked into (llama-server, llama-cli,
# ollama). A line is: STAGE = FILE:FUNCTION, as in --stage.
#
# decode holds the graph's stages; with a GPU those launch, and synchronize waits for it.

decode         = *llama*:llama_decode
encode         = *llama*:llama_encode
tokenise       = *llama*:llama_tokenize
detokenise     = *llama*:llama_token_to_piece
sample         = *llama*:llama_sampler_sample
synchronize    = *llama*:llama_synchronize
update slots   = *llama*:server_context*::update_slots

allocate graph = *llama*:ggml_backend_sched_alloc_graph
allocate graph = *ggml*:ggml_backend_sched_alloc_graph
compute graph  = *llama*:ggml_backend_sched_graph_compute_async
compute graph  = *ggml*:ggml_backend_sched_graph_compute_async
CUDA graph     = *llama*:ggml_backend_cuda_graph_compute
CUDA graph     = *ggml*:ggml_backend_cuda_graph_compute
