# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Programs whose stacks are known, built in many ways. tests/stacks/run looks at what is in
# build/tests/stacks and tells from a name how it was built: known-COMPILER-WAY...

# x86-64, as the unwinder.
ifeq ($(BPF_ARCH),x86)
STACK_DIR   := $(B)/tests/stacks
STACK_WARN  := -Wall -Wextra -Werror -Wno-unused-function
STACK_C     := -std=gnu11 $(STACK_WARN)
STACK_LIBS   = -L$(STACK_DIR) -lknown '-Wl,-rpath,$$ORIGIN' -lpthread -ldl
STACK_BIN   :=

# $(1): name, $(2): compiler, $(3): how to compile and link
define stack_program
STACK_BIN += $(STACK_DIR)/known-$(1)
$(STACK_DIR)/known-$(1): tests/stacks/known.c tests/stacks/known.h tests/stacks/known_lib.h \
		$(STACK_DIR)/libknown.so $(STACK_DIR)/plugin.so tests/stacks/stacks.mk
	$(2) $(STACK_C) $(3) $$< -o $$@ $$(STACK_LIBS)
endef
# The same with the library inside.
define stack_program_static
STACK_BIN += $(STACK_DIR)/known-$(1)
$(STACK_DIR)/known-$(1): tests/stacks/known.c tests/stacks/known_lib.c tests/stacks/known.h \
		tests/stacks/known_lib.h tests/stacks/stacks.mk
	@mkdir -p $$(@D)
	$(2) $(STACK_C) -DKNOWN_STATIC $(3) $$(filter %.c,$$^) -o $$@ -lpthread
endef
define stack_program_cpp
STACK_BIN += $(STACK_DIR)/knowncpp-$(1)
$(STACK_DIR)/knowncpp-$(1): tests/stacks/known.cpp tests/stacks/known.h tests/stacks/stacks.mk
	@mkdir -p $$(@D)
	$(2) $(STACK_WARN) -Wno-invalid-noreturn -std=gnu++17 $(3) $$< -o $$@ -lpthread
endef

$(STACK_DIR)/libknown.so: tests/stacks/known_lib.c tests/stacks/known_lib.h
	@mkdir -p $(@D)
	$(CC) $(STACK_C) -O2 -fPIC -shared -Wl,-soname,libknown.so $< -o $@
$(STACK_DIR)/plugin.so: tests/stacks/known_plugin.c tests/stacks/known.h
	@mkdir -p $(@D)
	$(CC) $(STACK_C) -O2 -fomit-frame-pointer -fPIC -shared $< -o $@

comma      := ,
STACK_FP   := -fno-omit-frame-pointer
STACK_NOFP := -fomit-frame-pointer
$(foreach cc,gcc clang,$(foreach o,O0 O1 O2 O3,\
	$(eval $(call stack_program,$(cc)-$(o)-fp,$(cc),-$(o) $(STACK_FP)))\
	$(eval $(call stack_program,$(cc)-$(o)-nofp,$(cc),-$(o) $(STACK_NOFP)))))

# Other ways to link, and other places for the call frame information.
$(foreach cc,gcc clang,\
	$(eval $(call stack_program,$(cc)-link-nopie,$(cc),-O2 $(STACK_NOFP) -fno-pie -no-pie))\
	$(eval $(call stack_program,$(cc)-link-debugframe,$(cc),-O2 $(STACK_NOFP) -g \
		-fno-asynchronous-unwind-tables -fno-unwind-tables))\
	$(eval $(call stack_program,$(cc)-link-nohdr,$(cc),-O2 $(STACK_NOFP) -Wl$(comma)--no-eh-frame-hdr)))
$(eval $(call stack_program_static,gcc-link-static,gcc,-O2 $(STACK_NOFP) -static))
$(eval $(call stack_program_static,gcc-link-staticpie,gcc,-O2 $(STACK_NOFP) -static-pie -fPIE))

# Stripped: the name with what was not stripped beside it tells the functions.
STACK_STRIPPED := $(foreach n,gcc-O2-nofp gcc-link-static,$(STACK_DIR)/known-$(n).stripped)
$(STACK_STRIPPED): %.stripped: %
	strip -o $@ $<
STACK_BIN += $(STACK_STRIPPED)

$(foreach o,O0 O1 O2 O3,\
	$(eval $(call stack_program_cpp,gcc-$(o),g++,-$(o) $(STACK_NOFP)))\
	$(eval $(call stack_program_cpp,clang-$(o),clang++,-$(o) $(STACK_NOFP))))
$(eval $(call stack_program_cpp,gcc-static,g++,-O2 $(STACK_NOFP) -static))

# Where there is a compiler for it.
RUSTC ?= $(shell command -v rustc)
ifneq ($(RUSTC),)
$(STACK_DIR)/knownrs-%: tests/stacks/known.rs
	@mkdir -p $(@D)
	MAKEFLAGS= $(RUSTC) --edition 2021 -C opt-level=$* -C force-frame-pointers=no $< -o $@
STACK_BIN += $(STACK_DIR)/knownrs-0 $(STACK_DIR)/knownrs-3
endif

# Waits, through a C library as distributions build it.
$(STACK_DIR)/waits-%: tests/stacks/waits.cpp tests/stacks/known.h
	@mkdir -p $(@D)
	$(if $(findstring clang,$*),clang++,g++) $(STACK_WARN) -std=gnu++17 -$(lastword $(subst -, ,$*)) \
		$(STACK_NOFP) $< -o $@ -lpthread
STACK_BIN += $(addprefix $(STACK_DIR)/waits-,gcc-O0 gcc-O2 clang-O2)

# Frames that are larger than the part of the stack that is copied.
$(STACK_DIR)/big: tests/stacks/big.c tests/stacks/known.h
	@mkdir -p $(@D)
	$(CC) $(STACK_C) -O2 $(STACK_NOFP) $< -o $@
STACK_BIN += $(STACK_DIR)/big

# Constructors and destructors of a whole program.
$(STACK_DIR)/begin: tests/stacks/begin.cpp tests/stacks/known.h
	@mkdir -p $(@D)
	g++ $(STACK_WARN) -std=gnu++17 -O2 $(STACK_NOFP) $< -o $@
STACK_BIN += $(STACK_DIR)/begin

# infbpf's unwinder for a debugger to call.
$(STACK_DIR)/walk: tests/stacks/walk.c $(LIB_OBJ)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $^ -o $@ $(USER_LIBS) -lm -lpthread
STACK_BIN += $(STACK_DIR)/walk

TEST_PROGRAMS += $(STACK_BIN)
.PHONY: stack-programs
stack-programs: $(STACK_BIN)
endif
