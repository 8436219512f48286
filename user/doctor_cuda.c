// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "doctor_cuda.h"

/* What there is of the driver library: the only place where calls of a stripped runtime are seen. */
enum driver { DRIVER_NONE, DRIVER_REFUSED, DRIVER_TRACED };

static const char *const stripped_calls[] = {
	[DRIVER_NONE] = "its calls cannot be seen until libcuda.so.1 is loaded",
	[DRIVER_REFUSED] = "its calls cannot be seen, for libcuda.so.1 is not traced",
	[DRIVER_TRACED] = "its calls are seen in libcuda.so.1",
};

static enum driver find_driver(const struct cuda_process *p, const struct cuda_libs *files)
{
	enum driver driver = DRIVER_NONE;

	for (size_t i = 0; i < p->n; i++) {
		const struct cuda_lib *lib = &files->libs[p->uses[i].lib];

		if (lib->api == API_DRIVER && driver != DRIVER_TRACED)
			driver = lib->sites_n ? DRIVER_TRACED : DRIVER_REFUSED;
	}
	return driver;
}

static size_t count_calls(const struct cuda_lib *lib, enum call_api api)
{
	size_t n = 0;

	for (size_t i = 0; i < lib->sites_n; i++)
		n += cuda_calls[lib->sites[i].row].api == api;
	return n;
}

static void print_lib(FILE *out, const struct cuda_lib *lib, enum driver driver)
{
	const bool inside = lib->is_static && lib->api != API_RUNTIME; /* a runtime in libnccl */
	size_t costly = 0;

	for (size_t i = 0; i < lib->sites_n; i++)
		costly += lib->sites[i].costly;
	fprintf(out, "%s   ", lib->path);
	if (lib->stripped && !inside) {
		fprintf(out, "%s: %s\n", lib->why, stripped_calls[driver]);
		return;
	}
	fprintf(out, "%s%s%s%s%s, ", cuda_api_name(lib->api), lib->emu ? " (emulated)" : "",
		lib->is_static && !inside ? " (static)" : "", lib->version[0] ? " " : "",
		lib->version);
	if (count_calls(lib, lib->api))
		fprintf(out, "%zu calls found", count_calls(lib, lib->api));
	else
		fprintf(out, "not traced: %s", lib->why[0] ? lib->why : "exports no known call");
	if (inside && lib->stripped)
		fprintf(out, "; with a stripped static runtime: %s", stripped_calls[driver]);
	else if (inside)
		fprintf(out, "; with a static runtime, %zu calls found",
			count_calls(lib, API_RUNTIME));
	if (costly)
		fprintf(out, "; %zu of them slow to probe (10 us a hit)", costly);
	fprintf(out, "\n");
}

/* What the list does not say by itself. */
static const char *find_lack(const struct cuda_process *p, const struct cuda_libs *files)
{
	bool runtime = false;

	for (size_t i = 0; i < p->n; i++) {
		const struct cuda_lib *lib = &files->libs[p->uses[i].lib];

		runtime |= lib->api == API_RUNTIME || lib->is_static;
	}
	if (!p->n)
		return "no CUDA: no library of it is mapped yet, and no static runtime is found";
	if (!runtime && find_driver(p, files) == DRIVER_TRACED)
		return "no runtime is found: what calls there are, are seen in libcuda.so.1";
	return NULL;
}

int doctor_cuda(FILE *out, int indent, pid_t pid, struct cuda_libs *files)
{
	const size_t unread = files->unread;
	struct cuda_process p = { 0 };
	int err = cuda_find_process(pid, files, &p);
	const char *lack;

	if (err < 0)
		goto out;
	err = 0;
	for (size_t i = 0; i < p.n; i++) {
		fprintf(out, "%*s", indent, "");
		print_lib(out, &files->libs[p.uses[i].lib], find_driver(&p, files));
	}
	lack = find_lack(&p, files);
	if (lack)
		fprintf(out, "%*s%s\n", indent, "", lack);
	if (files->unread > unread)
		fprintf(out, "%*s%zu files were not looked into: too many symbols in all\n", indent,
			"", files->unread - unread);
out:
	cuda_process_free(&p);
	return err;
}
