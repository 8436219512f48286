# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# libinfbpf-nvtx.so, which programs that use NVTX load by themselves (NVTX_INJECTION64_PATH). It needs
# only libc, and never goes away again: -z nodelete, since threads' ends call into it.

NVTX_LIB := $(B)/libinfbpf-nvtx.so
$(NVTX_LIB): $(wildcard nvtx/*.c) $(wildcard nvtx/*.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) -Wno-cast-function-type $(CFLAGS) -fPIC -fvisibility=hidden -shared \
		-Wl,-soname,$(@F) -Wl,-z,nodelete -Wl,-z,now $(filter %.c,$^) -o $@ -lpthread

ALL += $(NVTX_LIB)
