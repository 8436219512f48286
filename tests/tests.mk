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

# --- CUDA calls of known length: against a runtime of our own, found beside the program ---
$(B)/tests/truth/libcudart.so.13: tests/truth/cuda/fake_cudart.c tests/truth/cuda/fake_cudart.h \
		tests/truth/cuda/fake_cudart.map
	@mkdir -p $(@D)
	$(CC) $(TRUTH_CFLAGS) -fPIC -fvisibility=hidden -shared -Wl,-soname,libcudart.so.13 \
		-Wl,--version-script=tests/truth/cuda/fake_cudart.map $< -o $@

$(B)/tests/truth/cuda: tests/truth/cuda/cuda.c $(B)/tests/truth/obj/truth.o \
		$(B)/tests/truth/libcudart.so.13
	$(CC) $(TRUTH_CFLAGS) $(filter-out %.h,$^) -o $@ '-Wl,-rpath,$$ORIGIN' -lpthread

TEST_PROGRAMS += $(TRUTH_BIN) $(B)/tests/truth/cuda
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
$(B)/tests/bench/paths: tests/bench/paths.c
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
BENCH_BIN := $(addprefix $(B)/tests/bench/,calls deep names pair paths \
	$(if $(filter x86,$(BPF_ARCH)),unwind))
TEST_PROGRAMS += $(BENCH_BIN)

.PHONY: bench-programs
bench-programs: $(BENCH_BIN) $(B)/tests/truth/many
