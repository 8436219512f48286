// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The CUDA entry points in one file: a runtime, the driver, NCCL, or a runtime linked into anything. */
#define _GNU_SOURCE
#include "cuda.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "symbols/elf.h"

/* Enough of a function to see past endbr64 and nops. */
#define CODE_BYTES 32
/* Names of calls in one file; a real one has 800 of them. */
#define MAX_ENTRIES 4096
/* What every runtime has, and what every file with device code calls before main(). */
#define RUNTIME_CALL	"cudaLaunchKernel"
#define REGISTERS_CALL	"__cudaRegisterFatBinary"
#define RUNTIME_LIBRARY "libcudart"

/* A call's entry point, before it is known to be worth a probe. */
struct entry {
	uint64_t vaddr;
	size_t row;
	bool per_thread;
};

/* A file that is being looked into. */
struct look {
	struct elf_file *elf;
	bool apis[4]; /* enum call_api: whose calls to take */
	struct entry *entries;
	size_t n, room;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Behind the name: ".so" and a version, or before them what Python wheels put in, "-9335f6a2". */
static bool is_library_ending(const char *s)
{
	if (s[0] == '-' && strspn(s + 1, "0123456789abcdef") == 8)
		s += 9;
	return !strncmp(s, ".so", 3) && (!s[3] || s[3] == '.');
}

int cuda_lib_api(const char *path)
{
	static const struct {
		const char *name;
		enum call_api api;
	} names[] = {
		{ RUNTIME_LIBRARY, API_RUNTIME },
		{ "libcuda", API_DRIVER },
		{ "libnccl", API_NCCL },
	};
	const char *base = base_name(path);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(base, names[i].name, strlen(names[i].name)) &&
		    is_library_ending(base + strlen(names[i].name)))
			return names[i].api;
	return -1;
}

/* "13" or "12.4" of "libcudart.so.13", "libcudart-9335f6a2.so.12.4.127"; "" when there is none. */
static void version_of(const char *soname, char *out, size_t len)
{
	const char *so = strstr(soname, ".so.");
	size_t n;

	out[0] = '\0';
	if (!so)
		return;
	so += 4;
	n = strspn(so, "0123456789");
	if (n && so[n] == '.')
		n += 1 + strspn(so + n + 1, "0123456789");
	if (n && so[n - 1] == '.')
		n--;
	if (n < len)
		snprintf(out, len, "%.*s", (int)n, so);
}

static void find_version(const struct look *l, const char *path, struct cuda_lib *lib)
{
	char soname[256], from_soname[sizeof(lib->version)];

	version_of(base_name(path), lib->version, sizeof(lib->version));
	if (strchr(lib->version, '.') || elf_file_soname(l->elf, soname, sizeof(soname)))
		return;
	version_of(soname, from_soname, sizeof(from_soname));
	if (strlen(from_soname) > strlen(lib->version))
		memcpy(lib->version, from_soname, sizeof(lib->version));
}

static int add_entry(void *arg, const char *name, uint64_t vaddr)
{
	struct look *l = arg;
	bool per_thread = false;
	size_t row = cuda_call_row(name, &per_thread);

	if (row == cuda_calls_n || !l->apis[cuda_calls[row].api] || l->n == MAX_ENTRIES)
		return 0;
	if (array_grow(&l->entries, &l->room, l->n + 1, sizeof(*l->entries)))
		return -ENOMEM;
	l->entries[l->n++] = (struct entry){ vaddr, row, per_thread };
	return 0;
}

/* Of two names of one function and call, the one that says less about the stream comes first. */
static int by_address(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->per_thread - y->per_thread;
}

static void drop_repeats(struct look *l)
{
	size_t kept = 0;

	if (l->n)
		qsort(l->entries, l->n, sizeof(*l->entries), by_address);
	for (size_t i = 0; i < l->n; i++)
		if (!kept || l->entries[kept - 1].vaddr != l->entries[i].vaddr ||
		    l->entries[kept - 1].row != l->entries[i].row)
			l->entries[kept++] = l->entries[i];
	l->n = kept;
}

/* The traced call that the function at vaddr does nothing but jump to. NULL: it does more. */
static const struct entry *leads_to(const struct look *l, uint64_t vaddr, const uint8_t *code,
				    int n)
{
	int64_t distance;
	uint64_t to;

	if (!cuda_probe_forwards(code, n, &distance) || !distance)
		return NULL;
	to = vaddr + (uint64_t)distance;
	for (size_t i = 0; i < l->n; i++)
		if (l->entries[i].vaddr == to)
			return &l->entries[i];
	return NULL;
}

static void add_site(const struct look *l, const struct entry *e, struct cuda_lib *lib)
{
	struct cuda_site *site = &lib->sites[lib->sites_n];
	const struct entry *next;
	uint8_t code[CODE_BYTES];
	uint64_t at;
	int n;

	n = elf_file_read(l->elf, e->vaddr, code, sizeof(code));
	if (n <= 0)
		return;
	/* That one's probe sees the call. */
	next = leads_to(l, e->vaddr, code, n);
	if (next && next->row == e->row)
		return;
	at = e->vaddr + cuda_probe_skip(code, n, &site->costly);
	/* The kernel takes a wrong offset without complaint: it has to lie in code. */
	if (!elf_file_is_code(l->elf, at) || elf_file_vaddr_to_offset(l->elf, at, &site->offset))
		return;
	site->row = e->row;
	site->leads = next ? next->row + 1 : 0;
	site->cookie = cuda_call_cookie(e->row, e->per_thread);
	lib->sites_n++;
}

static int by_row(const void *a, const void *b)
{
	const struct cuda_site *x = a, *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int make_sites(struct look *l, struct cuda_lib *lib)
{
	int err = elf_file_each_function(l->elf, add_entry, l);

	/* What was readable counts. */
	if (err == -ENOMEM || !l->n)
		return err;
	drop_repeats(l);
	lib->sites = calloc(l->n, sizeof(*lib->sites));
	if (!lib->sites)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++)
		add_site(l, &l->entries[i], lib);
	qsort(lib->sites, lib->sites_n, sizeof(*lib->sites), by_row);
	return 0;
}

/* Device code, but neither a runtime's names nor another file's runtime: it has one whose names were
 * taken out. cuBLAS, cuDNN and most of NVIDIA's libraries are such. */
static int hides_runtime(const struct look *l, uint64_t *read)
{
	struct elf_extent e;
	int name;

	if (elf_file_section(l->elf, ".nv_fatbin", &e) &&
	    elf_file_section(l->elf, ".nvFatBinSegment", &e))
		return 0;
	if (elf_file_needs(l->elf, RUNTIME_LIBRARY))
		return 0;
	name = elf_file_name(l->elf, REGISTERS_CALL, read);
	return name < 0 ? name : name != ELF_NAME_IMPORTED;
}

/* Sets what the file is by what is in it. A file that only imports the calls is no runtime. */
static int recognise(struct look *l, struct cuda_lib *lib, uint64_t *read)
{
	int ret = elf_file_name(l->elf, RUNTIME_CALL, read);

	if (ret == -ENOMEM)
		return ret;
	if (ret == ELF_NAME_DEFINED) {
		lib->is_static = true;
		return 0;
	}
	ret = hides_runtime(l, read);
	lib->stripped = lib->is_static = ret > 0;
	return ret == -ENOMEM ? ret : 0;
}

static int look_into(struct look *l, const char *path, struct cuda_lib *lib, uint64_t *read)
{
	const int api = cuda_lib_api(path);
	uint64_t emu;
	int err = 0;

	lib->api = api < 0 ? API_RUNTIME : (enum call_api)api;
	if (api >= 0) {
		find_version(l, path, lib);
		l->apis[api] = true;
	}
	if (api == API_RUNTIME)
		lib->emu = !elf_file_dynsym(l->elf, "infbpf_emu_runtime", &emu);
	else if (api != API_DRIVER)
		err = recognise(l, lib, read);
	if (err || (api < 0 && !lib->is_static))
		return err;
	l->apis[API_RUNTIME] |= lib->is_static && !lib->stripped;
	if (api >= 0 || !lib->stripped)
		err = make_sites(l, lib);
	if (!lib->sites_n)
		snprintf(lib->why, sizeof(lib->why), "%s",
			 api < 0 ? "a stripped static runtime"
			 : err	 ? "its symbols cannot be read"
				 : "exports none of the calls infbpf knows");
	return err == -ENOMEM ? err : 1;
}

int cuda_lib_look(struct cuda_lib *lib, const char *path, int fd, uint64_t *read)
{
	struct look l = { 0 };
	int ret = elf_file_open_fd(&l.elf, fd);

	if (ret && ret != -ENOMEM) {
		if (cuda_lib_api(path) < 0)
			return 0;
		lib->api = (enum call_api)cuda_lib_api(path);
		snprintf(lib->why, sizeof(lib->why), "cannot be read as ELF");
		return 1;
	}
	if (!ret)
		ret = look_into(&l, path, lib, read);
	if (ret != 1)
		cuda_lib_free(lib);
	free(l.entries);
	elf_file_close(l.elf);
	return ret;
}

void cuda_lib_free(struct cuda_lib *lib)
{
	free(lib->path);
	free(lib->sites);
	memset(lib, 0, sizeof(*lib));
}
