# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What the tests run. Built by "make test-programs", or by "make SANITIZE=1 $(B)/tests/unit/...".

# --- programs with known timing: static, so that they run in a bare machine too ---
TRUTH_SHARED := truth
TRUTH_ALONE  := measure
TRUTH_NAMES  := $(filter-out $(TRUTH_SHARED) $(TRUTH_ALONE),$(patsubst tests/truth/%.c,%,$(wildcard tests/truth/*.c)))
TRUTH_BIN    := $(addprefix $(B)/tests/truth/,$(TRUTH_NAMES) $(TRUTH_ALONE))
# Frame pointers, and no sibling calls: stacks then are what the source says.
TRUTH_CFLAGS := -std=gnu11 $(WARN) -O1 -g -fno-omit-frame-pointer -fno-optimize-sibling-calls

$(B)/tests/truth/obj/%.o: tests/truth/%.c tests/truth/truth.h
	@mkdir -p $(@D)
	$(CC) $(TRUTH_CFLAGS) -c $< -o $@

$(B)/tests/truth/%: $(B)/tests/truth/obj/%.o $(B)/tests/truth/obj/truth.o
	$(CC) -static $^ -o $@ -lpthread

$(addprefix $(B)/tests/truth/,$(TRUTH_ALONE)): $(B)/tests/truth/%: $(B)/tests/truth/obj/%.o
	$(CC) -static $^ -o $@

# --- a thread for every kind of wait ---
WAITS_OBJ := $(patsubst tests/truth/waits/%.c,$(B)/tests/truth/obj/waits/%.o,$(wildcard tests/truth/waits/*.c))
TRUTH_BIN += $(B)/tests/truth/waits
$(B)/tests/truth/obj/waits/%.o: tests/truth/waits/%.c tests/truth/waits/waits.h tests/truth/truth.h
	@mkdir -p $(@D)
	$(CC) $(TRUTH_CFLAGS) -Itests/truth -c $< -o $@
$(B)/tests/truth/waits: $(WAITS_OBJ) $(B)/tests/truth/obj/truth.o
	$(CC) -static $^ -o $@ -lpthread

# --- functions that are stages: optimised and not, with and without endbr64; static, as those above ---
FUNCTIONS_SRC  := tests/truth/functions
FUNCTIONS_WARN := $(filter-out -Wstrict-prototypes -Wmissing-prototypes,$(WARN))
FUNCTIONS_O2   := -O2 -fcf-protection=none -fomit-frame-pointer
FUNCTIONS_O0   := -O0 -fcf-protection=full
define FUNCTIONS_BUILD
$(B)/tests/truth/obj/functions-$(1)/%.o: $(FUNCTIONS_SRC)/%.cc $(FUNCTIONS_SRC)/subjects.h tests/truth/truth.h
	@mkdir -p $$(@D)
	$$(CXX) -std=gnu++17 $$(FUNCTIONS_WARN) -g $$(FUNCTIONS_$(1)) -c $$< -o $$@
$(B)/tests/truth/functions_$(1): $(addprefix $(B)/tests/truth/obj/functions-$(1)/,main.o subjects.o) \
		$(B)/tests/truth/obj/truth.o
	$$(CXX) -static $$^ -o $$@ -lpthread
TRUTH_BIN += $(B)/tests/truth/functions_$(1)
endef
$(foreach how,O0 O2,$(eval $(call FUNCTIONS_BUILD,$(how))))

# --- CUDA calls of known number and length: against libraries of our own, found beside the program.
# Entry points that begin with push %rbp, as NVIDIA's do; all of it once more, in a folder cet, with
# endbr64 before that. ---
CUDA_DIR    := $(B)/tests/truth
CUDA_SRC    := tests/truth/cuda
CUDA_CFLAGS := $(TRUTH_CFLAGS) -mno-omit-leaf-frame-pointer -fno-shrink-wrap -fPIC -fvisibility=hidden
CUDA_CXXFLAGS := -std=gnu++17 $(filter-out -std=% -Wstrict-prototypes -Wmissing-prototypes,$(CUDA_CFLAGS))
CUDA_HDR    := $(wildcard $(CUDA_SRC)/*.h) tests/truth/truth.h
CUDA_NAMES  := cuda cuda_limits cuda_memory cuda_launch cuda_streams cuda_errors cuda_span cuda_fork cuda_nest
# The runtime linked in, its calls local symbols; and with those taken away.
CUDA_STATIC := cuda cuda_memory cuda_launch cuda_nest
# nvcc --default-stream per-thread
CUDA_PTSZ   := cuda cuda_memory cuda_launch cuda_streams
BESIDE      := '-Wl,-rpath,$$ORIGIN'

# A folder of objects each way of compiling.
$(CUDA_DIR)/obj/cuda/%.o: CUDA_HOW := -fcf-protection=none
$(CUDA_DIR)/obj/cuda-cet/%.o: CUDA_HOW := -fcf-protection=full
$(CUDA_DIR)/obj/cuda-static/%.o: CUDA_HOW := -fcf-protection=none -DFAKE_STATIC
$(CUDA_DIR)/obj/cuda-ptsz/%.o: CUDA_HOW := -fcf-protection=none -DCUDA_API_PER_THREAD_DEFAULT_STREAM
$(CUDA_DIR)/obj/cuda-library/%.o: CUDA_HOW := -fcf-protection=none -DIN_LIBRARY
define CUDA_OBJECTS
$(CUDA_DIR)/obj/$(1)/%.o: $(CUDA_SRC)/%.c $(CUDA_HDR)
	@mkdir -p $$(@D)
	$$(CC) $$(CUDA_CFLAGS) $$(CUDA_HOW) -c $$< -o $$@
$(CUDA_DIR)/obj/$(1)/%.o: $(CUDA_SRC)/%.cc $(CUDA_HDR)
	@mkdir -p $$(@D)
	$$(CXX) $$(CUDA_CXXFLAGS) $$(CUDA_HOW) -c $$< -o $$@
endef
$(foreach how,cuda cuda-cet cuda-static cuda-ptsz cuda-library,$(eval $(call CUDA_OBJECTS,$(how))))
# $(1): the objects' folder, $(2): where to. The runtime looks for the driver beside itself.
define CUDA_BUILD
$(2)/libcuda.so.1: $$(addprefix $(CUDA_DIR)/obj/$(1)/,fake_cuda.o fake.o)
	@mkdir -p $$(@D)
	$$(CC) -shared -Wl,-soname,libcuda.so.1 $$^ -o $$@ -lpthread
$(2)/libcudart.so.13: $$(addprefix $(CUDA_DIR)/obj/$(1)/,fake_cudart.o fake.o) $(CUDA_SRC)/fake_cudart.map
	@mkdir -p $$(@D)
	$$(CC) -shared -Wl,-soname,libcudart.so.13 -Wl,--version-script=$(CUDA_SRC)/fake_cudart.map \
		$$(filter %.o,$$^) -o $$@ $$(BESIDE) -ldl -lpthread
$$(addprefix $(2)/,$(CUDA_NAMES) cuda_alive): $(2)/%: $(CUDA_DIR)/obj/$(1)/%.o \
		$(CUDA_DIR)/obj/$(1)/book.o $(CUDA_DIR)/obj/truth.o $(2)/libcudart.so.13
	$$(CXX) $$^ -o $$@ $$(BESIDE) -lpthread
$$(addprefix $(2)/,$(filter-out cuda_alive,$(CUDA_NAMES))): CXX := $(CC)
$(2)/cuda_nest: $(2)/libcuda.so.1
CUDA_BIN += $$(addprefix $(2)/,libcuda.so.1 libcudart.so.13 $(CUDA_NAMES) cuda_alive)
endef
$(eval $(call CUDA_BUILD,cuda,$(CUDA_DIR)))
$(eval $(call CUDA_BUILD,cuda-cet,$(CUDA_DIR)/cet))

CUDA_RUNTIME := $(addprefix $(CUDA_DIR)/obj/cuda-static/,fake_cudart.o fake.o)
$(CUDA_STATIC:%=$(CUDA_DIR)/%_static): $(CUDA_DIR)/%_static: $(CUDA_DIR)/obj/cuda-static/%.o \
		$(CUDA_DIR)/obj/cuda-static/book.o $(CUDA_DIR)/obj/truth.o $(CUDA_RUNTIME)
	$(CC) $^ -o $@ $(BESIDE) -ldl -lpthread
	objcopy --localize-hidden $@
$(CUDA_DIR)/cuda_nest_static: $(CUDA_DIR)/libcuda.so.1
$(CUDA_DIR)/cuda_stripped: $(CUDA_DIR)/cuda_static
	strip -o $@ $<
$(CUDA_PTSZ:%=$(CUDA_DIR)/%_ptsz): $(CUDA_DIR)/%_ptsz: $(CUDA_DIR)/obj/cuda-ptsz/%.o \
		$(CUDA_DIR)/obj/cuda-ptsz/book.o $(CUDA_DIR)/obj/truth.o $(CUDA_DIR)/libcudart.so.13
	$(CC) $^ -o $@ $(BESIDE) -lpthread

# The calls in a library: with the runtime linked into it, and one that comes by dlopen.
CUDA_LIBRARY := $(addprefix $(CUDA_DIR)/obj/cuda-library/,cuda.o truth.o)
$(CUDA_DIR)/obj/cuda-library/truth.o: tests/truth/truth.c tests/truth/truth.h
	@mkdir -p $(@D)
	$(CC) $(CUDA_CFLAGS) -c $< -o $@
$(CUDA_DIR)/libengine.so: $(CUDA_LIBRARY) $(CUDA_RUNTIME)
	$(CC) -shared -Wl,-soname,$(@F) $^ -o $@ -ldl -lpthread
	objcopy --localize-hidden $@
$(CUDA_DIR)/libplugin.so: $(CUDA_LIBRARY) $(CUDA_DIR)/libcudart.so.13
	$(CC) -shared -Wl,-soname,$(@F) $^ -o $@ $(BESIDE) -lpthread
$(CUDA_DIR)/cuda_inside: $(CUDA_SRC)/start.c $(CUDA_DIR)/libengine.so
	$(CC) $(TRUTH_CFLAGS) -Wno-missing-prototypes $^ -o $@ $(BESIDE)
$(CUDA_DIR)/cuda_late: $(CUDA_SRC)/start.c
	@mkdir -p $(@D)
	$(CC) $(TRUTH_CFLAGS) -DLIBRARY='"libplugin.so"' $< -o $@ $(BESIDE) -ldl
$(CUDA_DIR)/cuda_late_forked: $(CUDA_SRC)/start.c
	@mkdir -p $(@D)
	$(CC) $(TRUTH_CFLAGS) -DLIBRARY='"libplugin.so"' -DFORKED $< -o $@ $(BESIDE) -ldl
CUDA_BIN += $(addprefix $(CUDA_DIR)/,$(CUDA_STATIC:%=%_static) cuda_stripped $(CUDA_PTSZ:%=%_ptsz) \
	libengine.so cuda_inside libplugin.so cuda_late cuda_late_forked)

# --- many threads of known behaviour, for tests under load; static, as those above ---
PRESSURE_BIN := $(B)/tests/pressure/crowd
$(PRESSURE_BIN): $(B)/tests/pressure/%: tests/pressure/%.c $(B)/tests/truth/obj/truth.o
	@mkdir -p $(@D)
	$(CC) $(TRUTH_CFLAGS) -Itests/truth -static $^ -o $@ -lpthread

TEST_PROGRAMS += $(TRUTH_BIN) $(CUDA_BIN) $(PRESSURE_BIN)
.SECONDARY: $(patsubst %,$(B)/tests/truth/obj/%.o,$(TRUTH_NAMES) $(TRUTH_ALONE) $(TRUTH_SHARED))

# --- unit tests: all of user/ but main(), under the sanitizers whatever flavour the tool is ---
# gpu/gpu.mk has the ones of the server and the emulated runtime.
UNIT_SRC  := $(filter-out tests/unit/test_gpu_%,$(wildcard tests/unit/test_*.c))
# The unwinder knows x86-64's registers only.
ifneq ($(BPF_ARCH),x86)
UNIT_SRC  := $(filter-out tests/unit/test_unwind%,$(UNIT_SRC))
endif
UNIT_BIN  := $(UNIT_SRC:tests/unit/%.c=$(B)/tests/unit/%)
UNIT_DIR  := $(B)/obj-san
UNIT_SAN  := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNIT_OBJ  := $(filter-out $(UNIT_DIR)/user/main.o,$(USER_SRC:%.c=$(UNIT_DIR)/%.o))

# With SANITIZE=1 the tool's own rule makes the same objects.
ifndef SANITIZE
$(UNIT_DIR)/%.o: %.c $(B)/gen/infbpf.skel.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(UNIT_SAN) -MMD -MP -c $< -o $@
-include $(UNIT_OBJ:.o=.d)
endif

$(UNIT_DIR)/infbpf.a: $(UNIT_OBJ)
	rm -f $@ && ar rcs $@ $^

$(UNIT_BIN): $(B)/tests/unit/%: tests/unit/%.c $(UNIT_DIR)/infbpf.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(UNIT_SAN) -MMD -MP $< $(UNIT_DIR)/infbpf.a -o $@ \
		-lcmocka $(USER_LIBS) -lm -lpthread
-include $(UNIT_BIN:=.d)
# Functions with the names that presets look for.
$(B)/tests/unit/libstandins.so: tests/unit/standins.cc
	@mkdir -p $(@D)
	$(CXX) -std=gnu++17 $(FUNCTIONS_WARN) -O2 -g -fPIC -shared $< -o $@
$(B)/tests/unit/test_stage_functions: | $(B)/tests/unit/libstandins.so

TEST_PROGRAMS += $(UNIT_BIN)

# --- targets that are hard to trace ---
$(B)/tests/bad/%: tests/bad/%.c
	@mkdir -p $(@D)
	$(CC) $(TRUTH_CFLAGS) $< -o $@
$(B)/tests/bad/strange_names: tests/bad/strange_names.S
	@mkdir -p $(@D)
	$(CC) $< -o $@
# Code to be mapped by hand, without relocations.
$(B)/tests/bad/code.so: tests/bad/code.c
	@mkdir -p $(@D)
	$(CC) $(TRUTH_CFLAGS) -fPIC -shared -nostdlib $< -o $@
BAD_BIN := $(addprefix $(B)/tests/bad/,victim code.so)
ifeq ($(BPF_ARCH),x86)
BAD_BIN += $(B)/tests/bad/strange_names
endif
TEST_PROGRAMS += $(BAD_BIN)

# --- targets whose symbols are somewhere else ---
SYMBOLS_BIN := $(addprefix $(B)/tests/symbols/,victim victim_static)
$(B)/tests/symbols/%: tests/symbols/%.c
	@mkdir -p $(@D)
	$(CC) $(TRUTH_CFLAGS) $< -o $@
$(B)/tests/symbols/%_static: tests/symbols/%.c
	@mkdir -p $(@D)
	$(CC) $(TRUTH_CFLAGS) -static $< -o $@
ifeq ($(BPF_ARCH),x86)
SYMBOLS_BIN += $(B)/tests/symbols/jit
# rbp is not a frame pointer there.
$(B)/tests/symbols/jit: TRUTH_CFLAGS += -fomit-frame-pointer
endif
TEST_PROGRAMS += $(SYMBOLS_BIN)

# --- what scripts/bench measures with ---
BENCH_CFLAGS := -std=gnu11 $(WARN) -O2 -g -fno-omit-frame-pointer -fno-optimize-sibling-calls
# -O0: entry points like NVIDIA's, push %rbp; mov %rsp,%rbp, which optimised code that does nothing
# would not have.
$(B)/tests/bench/libcudart.so.13: tests/bench/cudart.c
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) -O0 -fcf-protection=none -fPIC -shared -Wl,-soname,libcudart.so.13 $< -o $@
$(B)/tests/bench/calls: tests/bench/calls.c $(B)/tests/bench/libcudart.so.13
	$(CC) $(BENCH_CFLAGS) $^ -o $@ '-Wl,-rpath,$$ORIGIN'
$(B)/tests/bench/paths $(B)/tests/bench/reads: $(B)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) $< -o $@
# The tool's own way to a probe's place, and to names.
$(B)/tests/bench/pair $(B)/tests/bench/names: $(B)/tests/bench/%: tests/bench/%.c $(LIB_OBJ)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $^ -o $@ $(USER_LIBS) -lm -lpthread
$(B)/tests/bench/unwind: tests/bench/unwind.c tests/unit/unwind_self.h $(LIB_OBJ)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(filter-out %.h,$^) -o $@ $(USER_LIBS) -lm -lpthread
# As distributions build: no frame pointers.
$(B)/tests/bench/deep: tests/bench/deep.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) -O2 -g -fomit-frame-pointer $< -o $@
# The marks as the server has them.
$(B)/tests/bench/marks: tests/bench/marks.c gpu/serve/marks.c gpu/serve/marks.h
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) $(filter %.c,$^) -o $@
BENCH_BIN := $(addprefix $(B)/tests/bench/,calls deep marks names pair paths reads \
	$(if $(filter x86,$(BPF_ARCH)),unwind))
TEST_PROGRAMS += $(BENCH_BIN)

# What scripts/test truth and vm need.
.PHONY: truth-programs
truth-programs: $(TRUTH_BIN) $(CUDA_BIN)

.PHONY: bench-programs
bench-programs: $(BENCH_BIN) $(B)/tests/truth/many
