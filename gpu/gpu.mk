# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The bundled workload. No nvcc: build/infer-serve (gcc), on build/emu/libcudart.so.13. With nvcc:
# build/infer-serve holds GPU code and runs on NVIDIA's runtime or on the emulated one, and the
# build without GPU code is made too, as build/infer-serve-emu (the tests compare them).
#
#   make NVCC=            as if there were no nvcc
#   make NVCC=/path/nvcc  this one

NVCC ?= $(firstword $(shell command -v nvcc 2>/dev/null) \
	$(wildcard /usr/local/cuda/bin/nvcc) $(lastword $(sort $(wildcard /usr/local/cuda-*/bin/nvcc))) \
	$(wildcard /opt/cuda/bin/nvcc))
# The runtime's major version is part of its file name and of its symbols' version.
CUDART_EMU := 13
NVCC_MAJOR := $(if $(NVCC),$(shell $(NVCC) --version | sed -n 's/.*release \([0-9]*\)\..*/\1/p'))
# Before 12 the names are made in another way.
ifneq ($(NVCC),)
ifeq ($(shell test "$(NVCC_MAJOR)" -ge 12 2>/dev/null && echo yes),)
$(info $(NVCC) is not CUDA 12 or later: building without GPU code)
override NVCC :=
override NVCC_MAJOR :=
endif
endif

# One flavour, whatever SANITIZE says: programs that nvcc links use the library. The unit tests have
# objects of their own, always with the sanitizers.
GPU_O      := $(B)/obj-gpu
GPU_CFLAGS  = -std=gnu11 $(WARN) $(CFLAGS) -D_GNU_SOURCE -I. -Ikernels \
	-DINFBPF_VERSION='"$(VERSION)"'
EMU_MAJORS := $(sort $(CUDART_EMU) $(NVCC_MAJOR))
EMU_LIBS   := $(EMU_MAJORS:%=$(B)/emu/libcudart.so.%)

KERNEL_SRC := $(filter-out kernels/stubs.c,$(sort $(wildcard kernels/*.c)))
KERNEL_OBJ := $(KERNEL_SRC:%.c=$(GPU_O)/%.o)
EMU_SRC    := $(sort $(wildcard gpu/emu/*.c))
EMU_OBJ    := $(EMU_SRC:%.c=$(GPU_O)/%.o) $(KERNEL_OBJ)
SERVE_SRC  := $(sort $(wildcard gpu/serve/*.c))
SERVE_OBJ  := $(SERVE_SRC:%.c=$(GPU_O)/%.o)
# Shapes are needed in every build, the references only by the emulated runtime and the tests, but
# they share their files.
CUDA_OBJ   := $(patsubst %.cu,$(GPU_O)/%.cu.o,$(sort $(wildcard kernels/*.cu)))

ALL += $(EMU_LIBS) $(B)/emu/libcudart.so $(B)/infer-serve $(if $(NVCC),$(B)/infer-serve-emu)

# Objects of the emulated runtime go into a library. -O3: the references' inner loops become vector
# code; -ffp-contract=off: no fused multiply-add (see kernels/kernels.h).
$(GPU_O)/kernels/%.o: private CFLAGS := $(CFLAGS) -O3 -ffp-contract=off
$(GPU_O)/kernels/%.o: private GPU_EXTRA := -fPIC
# Entry points that begin with push %rbp, as NVIDIA's do: a uprobe there costs 20 times less.
$(GPU_O)/gpu/emu/%.o: private GPU_EXTRA := -fPIC -fvisibility=hidden -fno-omit-frame-pointer \
	-mno-omit-leaf-frame-pointer -fcf-protection=none -fno-shrink-wrap \
	-fno-optimize-sibling-calls -ffp-contract=off -DINFBPF_CUDART_MAJOR=$(CUDART_EMU)
$(GPU_O)/gpu/emu/abi_jump.o: private GPU_EXTRA := -fPIC -fvisibility=hidden \
	-fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fcf-protection=none -fno-shrink-wrap \
	-foptimize-sibling-calls

$(GPU_O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(GPU_CFLAGS) $(GPU_EXTRA) -MMD -MP -c $< -o $@

$(B)/emu/libcudart.so.%.map: gpu/emu/libcudart.map.in
	@mkdir -p $(@D)
	sed 's/@MAJOR@/$*/' $< > $@

.PRECIOUS: $(B)/emu/libcudart.so.%.map
$(EMU_LIBS): $(B)/emu/libcudart.so.%: $(B)/emu/libcudart.so.%.map $(EMU_OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libcudart.so.$* \
		-Wl,--version-script=$< -Wl,-Bsymbolic $(EMU_OBJ) -o $@ -lm -lpthread

$(B)/emu/libcudart.so: $(B)/emu/libcudart.so.$(CUDART_EMU)
	ln -sf $(<F) $@

-include $(EMU_OBJ:.o=.d) $(SERVE_OBJ:.o=.d) $(GPU_O)/kernels/stubs.d

# --- the server: gcc alone, or with the kernels that nvcc compiled ---
SERVE_CFLAGS := -Igpu/serve
$(GPU_O)/gpu/serve/%.o: private GPU_EXTRA := $(SERVE_CFLAGS)
# The static jansson where there is one: what is built here then runs on hosts without it.
SERVE_LIBS := $(firstword $(wildcard /usr/lib/*/libjansson.a) -ljansson) -lm -lpthread -ldl

# RUNPATH: the emulated runtime beside the program, whatever the build folder is called.
define SERVE_LINK_EMU
	$(CC) $(CFLAGS) $(LDFLAGS) $(SERVE_OBJ) $(KERNEL_OBJ) $(GPU_O)/kernels/stubs.o -o $@ \
		-L$(B)/emu -lcudart -Wl,--enable-new-dtags,-rpath,'$$ORIGIN/emu' $(SERVE_LIBS)
endef

$(B)/infer-serve-emu: $(SERVE_OBJ) $(KERNEL_OBJ) $(GPU_O)/kernels/stubs.o $(B)/emu/libcudart.so
	$(SERVE_LINK_EMU)

# Relinks when the flavour changes: both share the name.
SERVE_FLAVOUR := $(B)/.serve-$(if $(NVCC),nvcc,gcc)
$(B)/.serve-%: ; @mkdir -p $(B) && rm -f $(B)/.serve-* && touch $@

ifeq ($(NVCC),)
$(B)/infer-serve: $(SERVE_OBJ) $(KERNEL_OBJ) $(GPU_O)/kernels/stubs.o $(B)/emu/libcudart.so \
		$(SERVE_FLAVOUR)
	$(SERVE_LINK_EMU)
else
COMMA       := ,
# Code for these, where this nvcc knows them, and PTX of the newest for what comes after.
CUDA_ARCHS  := $(filter $(shell $(NVCC) --list-gpu-code | sed 's/sm_//'),75 80 86 89 90)
CUDA_NEWEST := $(lastword $(CUDA_ARCHS))
CUDA_GENCODE := $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
	$(if $(CUDA_NEWEST),-gencode arch=compute_$(CUDA_NEWEST)$(COMMA)code=compute_$(CUDA_NEWEST))
# Where NVIDIA's library is: in the toolkit, by way of the links that lead to nvcc, or where the
# distribution puts it. It has to be named before the emulated one.
CUDA_ROOT   := $(realpath $(dir $(realpath $(NVCC)))..)
CUDA_LIB    := $(patsubst %/,%,$(dir $(firstword $(wildcard $(addsuffix \
	/libcudart.so.$(NVCC_MAJOR),$(CUDA_ROOT)/lib64 $(CUDA_ROOT)/lib \
	/usr/lib/$(shell uname -m)-linux-gnu /usr/lib64 /usr/lib)))))

# -fmad=false: no fused multiply-add (see kernels/kernels.h).
$(GPU_O)/%.cu.o: %.cu $(wildcard kernels/*.h kernels/*.cuh)
	@mkdir -p $(@D)
	@echo "$(NVCC) ... -c $<"; \
	$(NVCC) -O2 -g -fmad=false -I. -Ikernels $(CUDA_GENCODE) -c $< -o $@ || \
		{ echo "$(NVCC) failed: 'make NVCC=' builds without GPU code" >&2; exit 1; }

$(B)/infer-serve: $(SERVE_OBJ) $(KERNEL_OBJ) $(CUDA_OBJ) $(EMU_LIBS) $(SERVE_FLAVOUR)
	$(NVCC) -cudart shared $(SERVE_OBJ) $(KERNEL_OBJ) $(CUDA_OBJ) -o $@ \
		-Xlinker --enable-new-dtags $(if $(CUDA_LIB),-Xlinker -rpath -Xlinker $(CUDA_LIB)) \
		-Xlinker -rpath -Xlinker '$$ORIGIN/emu' $(SERVE_LIBS)
endif

# --- tests: kernels and emulated runtime linked in, under the sanitizers ---
GPU_SAN_O   := $(B)/obj-gpu-san
GPU_SAN     := -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all
GPU_SAN_EMU := $(EMU_SRC:%.c=$(GPU_SAN_O)/%.o) $(KERNEL_SRC:%.c=$(GPU_SAN_O)/%.o)
GPU_TESTS   := kernels emu emu_errors emu_graph abi serve scenarios
GPU_TEST_BIN := $(GPU_TESTS:%=$(B)/tests/unit/test_gpu_%)

$(GPU_SAN_O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(GPU_CFLAGS) $(GPU_SAN) $(GPU_EXTRA) -ffp-contract=off \
		-DINFBPF_CUDART_MAJOR=$(CUDART_EMU) \
		-MMD -MP -c $< -o $@

$(addprefix $(B)/tests/unit/test_gpu_,kernels emu emu_errors emu_graph): $(B)/tests/unit/%: \
		$(GPU_SAN_O)/tests/unit/%.o $(GPU_SAN_EMU)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(GPU_SAN) $(LDFLAGS) $^ -o $@ -lcmocka -lm -lpthread

# Our header against NVIDIA's, where that is. CUDA 12 has some structures in another form.
CUDA_HEADER := $(if $(filter $(CUDART_EMU),$(NVCC_MAJOR)),$(firstword $(wildcard \
	$(CUDA_ROOT)/include/cuda_runtime_api.h $(CUDA_ROOT)/targets/*/include/cuda_runtime_api.h)))
$(GPU_SAN_O)/toolkit.o: tests/unit/gpu_abi_values.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CFLAGS) -DABI_TOOLKIT -isystem $(dir $(CUDA_HEADER)) -c $< -o $@

$(GPU_SAN_O)/tests/unit/test_gpu_abi.o: private GPU_EXTRA := -DBUILD='"$(B)"' \
	-DTOOLKIT_LIB='"$(if $(CUDA_HEADER),$(CUDA_LIB)/libcudart.so.$(CUDART_EMU))"'
$(B)/tests/unit/test_gpu_abi: $(GPU_SAN_O)/tests/unit/test_gpu_abi.o \
		$(GPU_SAN_O)/tests/unit/gpu_abi_values.o $(if $(CUDA_HEADER),$(GPU_SAN_O)/toolkit.o) \
		| $(B)/emu/libcudart.so
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(GPU_SAN) $(LDFLAGS) $(filter %.o,$^) -o $@ -lcmocka -ldl

SERVE_TESTS := test_gpu_serve test_gpu_scenarios
$(SERVE_TESTS:%=$(GPU_SAN_O)/tests/unit/%.o): private GPU_EXTRA := -DBUILD='"$(B)"' \
	-DHAVE_NVCC=$(if $(NVCC),1,0)
# Both were told whether there is an nvcc.
$(SERVE_TESTS:%=$(GPU_SAN_O)/tests/unit/%.o) $(GPU_SAN_O)/tests/unit/test_gpu_abi.o: \
		$(SERVE_FLAVOUR)
$(SERVE_TESTS:%=$(B)/tests/unit/%): $(B)/tests/unit/%: $(GPU_SAN_O)/tests/unit/%.o \
		| $(B)/infer-serve $(if $(NVCC),$(B)/infer-serve-emu)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(GPU_SAN) $(LDFLAGS) $(filter %.o,$^) -o $@ -lcmocka -ljansson

TEST_PROGRAMS += $(GPU_TEST_BIN)
-include $(GPU_SAN_EMU:.o=.d) $(GPU_TESTS:%=$(GPU_SAN_O)/tests/unit/test_gpu_%.d)
