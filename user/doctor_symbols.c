// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "doctor_symbols.h"
#include "symbols/symbols.h"

int doctor_symbols(pid_t pid, char *buf, size_t len)
{
	const struct symbols_options options = { .local = true };
	struct symbols_sources c;
	struct symbols *symbols;
	struct sym_image *im;
	size_t n;
	int err = symbols_open(&symbols, &options);

	if (err)
		return err;
	im = symbols_image(symbols, (uint32_t)pid, 0, 0, 0);
	if (!im) {
		symbols_close(symbols);
		return -ENOMEM;
	}
	symbols_sources(symbols, im, &c);
	n = snprintf(buf, len, "names: .symtab in %zu of %zu mapped files, debug file of %zu",
		     c.own, c.files, c.debug_file);
	if (c.mini && n < len)
		n += snprintf(buf + n, len - n, ", .gnu_debugdata in %zu", c.mini);
	if (c.dynsym && n < len)
		n += snprintf(buf + n, len - n, ", only .dynsym in %zu", c.dynsym);
	if (c.none && n < len)
		n += snprintf(buf + n, len - n, ", none in %zu", c.none);
	if (c.jit && n < len)
		n += snprintf(buf + n, len - n, "; code in no file (JIT): %s",
			      c.perf_map ? "perf map" : "no perf map");
	if ((c.dynsym || c.none) && getenv("DEBUGINFOD_URLS") && n < len)
		snprintf(buf + n, len - n, "; a trace would ask debuginfod");
	symbols_close(symbols);
	return 0;
}
