# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Fuzz targets: each tests/fuzz/fuzz_NAME.c becomes build/tests/fuzz/fuzz_NAME, with all of user/ but
# main() under libFuzzer, ASan and UBSan. Built by "make test-programs" or "make fuzz-programs", where
# clang has its fuzzer runtime (package libclang-rt-dev or libclang-rt-NN-dev).

FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/tests/fuzz/%)
FUZZ_DIR := $(B)/obj-fuzz
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_OBJ := $(filter-out $(FUZZ_DIR)/user/main.o,$(USER_SRC:%.c=$(FUZZ_DIR)/%.o))
# Warnings are gcc's business, above: those of each clang differ.
FUZZ_CFLAGS := -std=gnu11 -O1 -g -Iuser -I$(B)/gen -DINFBPF_VERSION='"$(VERSION)"' -w

$(FUZZ_DIR)/%.o: %.c $(B)/gen/infbpf.skel.h
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) $(FUZZ_SAN) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

$(FUZZ_DIR)/infbpf.a: $(FUZZ_OBJ)
	rm -f $@ && ar rcs $@ $^

$(FUZZ_BIN): $(B)/tests/fuzz/%: tests/fuzz/%.c $(FUZZ_DIR)/infbpf.a
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) $(FUZZ_SAN) -fsanitize=fuzzer -MMD -MP $< $(FUZZ_DIR)/infbpf.a -o $@ \
		$(USER_LIBS) -lm -lpthread

-include $(FUZZ_OBJ:.o=.d)
-include $(FUZZ_BIN:=.d)

# Seeds that are no text: compiled from small sources.
FUZZ_SEEDS := $(B)/tests/fuzz/seeds/.made
$(FUZZ_SEEDS): tests/fuzz/make_seeds.py
	@mkdir -p $(@D)
	python3 $< $(@D)
	@touch $@

.PHONY: fuzz-programs
# Asking clang costs a while: only when it matters.
ifneq ($(filter test-programs fuzz-programs,$(MAKECMDGOALS)),)
ifneq ($(shell echo 'int LLVMFuzzerTestOneInput(const void *d, __SIZE_TYPE__ n) { return !d && n; }' | \
	$(CLANG) -w -fsanitize=fuzzer,address,undefined -x c - -o /dev/null 2>/dev/null && echo yes),)
fuzz-programs: $(FUZZ_BIN) $(FUZZ_SEEDS)
TEST_PROGRAMS += $(FUZZ_BIN) $(FUZZ_SEEDS)
else
fuzz-programs:
	@echo "$(CLANG) has no fuzzer runtime (package libclang-rt-dev): no fuzz targets"
endif
endif
