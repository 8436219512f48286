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
