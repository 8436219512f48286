# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make                 build/infbpf, build/infer-serve, build/emu/libcudart.so.*, build/libinfbpf-nvtx.so,
#                      the man pages
# make STATIC=1        one static build/infbpf that runs on any host of this architecture
# make test-programs   what tests/ runs: unit tests, truth programs
# make install         PREFIX=/usr/local DESTDIR=
#
# Each room that builds something has a fragment of its own: gpu/gpu.mk, tests/tests.mk,
# tests/fuzz/fuzz.mk, docs/docs.mk.
# They append to ALL and TEST_PROGRAMS.

SHELL   := /bin/sh
B       := build
PREFIX  ?= /usr/local
CLANG   ?= clang
# Ubuntu's bpftool is a wrapper that refuses to run under any kernel but the one it was packaged with:
# the first that answers.
BPFTOOL ?= $(shell for b in bpftool /usr/sbin/bpftool /usr/local/sbin/bpftool /usr/lib/linux-tools/*/bpftool; do \
	$$b version >/dev/null 2>&1 && echo $$b && exit; done; echo bpftool)
VERSION := 0.1.0

# STATIC and SANITIZE change what an object is, so each has its own object folder.
V_DIR   := $(B)/obj$(if $(STATIC),-static)$(if $(SANITIZE),-san)

WARN    := -Wall -Wextra -Wshadow -Werror -Wstrict-prototypes -Wmissing-prototypes -Wvla
CFLAGS  ?= -O2 -g
SAN     := $(if $(SANITIZE),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
ALL_CFLAGS = -std=gnu11 $(WARN) $(CFLAGS) $(SAN) -Iuser -I$(B)/gen -DINFBPF_VERSION='"$(VERSION)"' \
	$(if $(STATIC),-DINFBPF_STATIC)

ALL           := $(B)/infbpf
TEST_PROGRAMS :=

.PHONY: all
all: all-late

# --- the kernel side: one object a concern, linked by bpftool, embedded as a skeleton ---
BPF_ARCH := $(shell uname -m | sed -e 's/x86_64/x86/' -e 's/aarch64/arm64/')
# maps.bpf.c first: bpftool 7.1 mislays maps that it meets as extern before their definition.
BPF_SRC  := bpf/maps.bpf.c $(filter-out bpf/maps.bpf.c,$(wildcard bpf/*.bpf.c))
BPF_OBJ  := $(BPF_SRC:bpf/%.bpf.c=$(B)/bpf/%.bpf.o)
# -mcpu=v3: compare-and-swap; -g: BTF.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Werror \
	-D__TARGET_ARCH_$(BPF_ARCH) -Ivmlinux -Iuser -Ibpf -idirafter /usr/include/$(shell uname -m)-linux-gnu

$(B)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h user/infbpf*.h) $(wildcard vmlinux/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/bpf/infbpf.linked.o: $(BPF_OBJ)
	$(BPFTOOL) gen object $@ $(BPF_OBJ)

$(B)/gen/infbpf.skel.h: $(B)/bpf/infbpf.linked.o
	@mkdir -p $(@D)
	$(BPFTOOL) gen skeleton $< name infbpf_bpf > $@.tmp && mv $@.tmp $@

# --- the user side ---
USER_SRC := $(sort $(wildcard user/*.c user/*/*.c))
USER_OBJ := $(USER_SRC:%.c=$(V_DIR)/%.o)
# Everything but main(): what unit tests link against.
LIB_OBJ  := $(filter-out $(V_DIR)/user/main.o,$(USER_OBJ))
USER_LIBS := -lbpf -ldw -lelf -lz -llzma -liberty -ljansson
# libdw.a wants bzip2. Since elfutils 0.189 libelf.a wants zstd, before there may be none.
ifdef STATIC
USER_LIBS += -lcapstone -lbz2 $(shell echo 'int main(void) { return 0; }' | \
	$(CC) -static -x c - -lzstd -o /dev/null 2>/dev/null && echo -lzstd)
endif

# The presets are embedded like them.
$(addsuffix /user/stage_preset.o,$(sort $(V_DIR) $(B)/obj-san $(B)/obj-fuzz)): $(wildcard share/presets/*)

$(V_DIR)/%.o: %.c $(B)/gen/infbpf.skel.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# The scripts and styles of the flame graph and the report are embedded by the assembler, which tells no dependencies.
$(addsuffix /user/flame/assets.o,$(sort $(V_DIR) $(B)/obj-san $(B)/obj-fuzz)): user/flame/flame.js user/flame/flame.css
$(addsuffix /user/report/assets.o,$(sort $(V_DIR) $(B)/obj-san $(B)/obj-fuzz)): user/report/report.js user/report/report.css

$(B)/infbpf: $(USER_OBJ) $(B)/.link$(if $(STATIC),-static)$(if $(SANITIZE),-san)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(if $(STATIC),-static) $(USER_OBJ) -o $@ $(USER_LIBS) -lm -lpthread

# Relinks when the flavour changes, since all flavours share the name build/infbpf.
$(B)/.link%: ; @mkdir -p $(B) && rm -f $(B)/.link* && touch $@
$(B)/.link: ; @mkdir -p $(B) && rm -f $(B)/.link* && touch $@

-include $(USER_OBJ:.o=.d)
-include nvtx/nvtx.mk
-include gpu/gpu.mk
-include tests/tests.mk
-include tests/fuzz/fuzz.mk
-include tests/stacks/stacks.mk
-include docs/docs.mk

.PHONY: all-late test-programs clean install format
all-late: $(ALL)
test-programs: $(TEST_PROGRAMS)

clean:
	rm -rf $(B)

install: all
	install -D -m 755 $(B)/infbpf $(DESTDIR)$(PREFIX)/bin/infbpf
	install -D -m 755 $(NVTX_LIB) $(DESTDIR)$(PREFIX)/lib/$(notdir $(NVTX_LIB))
	$(foreach p,$(wildcard share/presets/*),install -D -m 644 $(p) $(DESTDIR)$(PREFIX)/share/infbpf/presets/$(notdir $(p));)
	$(foreach m,$(wildcard $(B)/man/*.1),install -D -m 644 $(m) $(DESTDIR)$(PREFIX)/share/man/man1/$(notdir $(m));)

FORMATTED = $(shell git ls-files '*.c' '*.h' '*.cu' '*.cuh')
format:
	clang-format -i $(FORMATTED)
