// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The CUDA entry points in a process: shared runtimes, the driver, a runtime linked into a program. */
#define _GNU_SOURCE
#include "cuda.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "proc_maps.h"
#include "symbols/elf.h"

/* Enough of a function to see past endbr64 and nops. */
#define CODE_BYTES 32

/* A file that may hold CUDA calls. */
struct candidate {
	const char *path;      /* as the process sees it */
	const char *open_path; /* as infbpf opened it */
	uint64_t dev, inode;
	int api; /* enum call_api; -1: no library's name; perhaps a program with a static runtime */
	struct elf_file *elf;
};

/* A call's entry point, before it is known to be worth a probe. */
struct entry {
	uint64_t vaddr;
	size_t row;
};
struct entries {
	struct entry *list;
	size_t n;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "libcudart.so.13", "libcudart-9335f6a2.so.12" (Python wheels), "libcuda.so.535.129.03". -1: the
 * file is not called like a CUDA library. */
static int api_of(const char *path)
{
	const char *base = base_name(path), *so = strstr(base, ".so");

	if (!so || (so[3] && so[3] != '.'))
		return -1;
	if (!strncmp(base, "libcudart", 9) && (base[9] == '.' || base[9] == '-'))
		return API_RUNTIME;
	if (!strncmp(base, "libcuda.so", 10))
		return API_DRIVER;
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

static void find_version(const struct candidate *c, struct cuda_lib *lib)
{
	char soname[256];

	version_of(base_name(c->path), lib->version, sizeof(lib->version));
	if (!strchr(lib->version, '.') && !elf_file_soname(c->elf, soname, sizeof(soname))) {
		char from_soname[sizeof(lib->version)];

		version_of(soname, from_soname, sizeof(from_soname));
		if (strlen(from_soname) > strlen(lib->version))
			memcpy(lib->version, from_soname, sizeof(lib->version));
	}
}

/* The row of a symbol's name, cuda_calls_n: none. */
static size_t row_of(const char *name)
{
	if (strncmp(name, "cuda", 4) != 0 && strncmp(name, "__cuda", 6) != 0)
		return cuda_calls_n;
	for (size_t row = 0; row < cuda_calls_n; row++) {
		if (!strcmp(name, cuda_calls[row].name))
			return row;
		for (const char *const *v = cuda_calls[row].variants; *v; v++)
			if (!strcmp(name, *v))
				return row;
	}
	return cuda_calls_n;
}

static int add_entry(struct entries *es, uint64_t vaddr, size_t row)
{
	struct entry *grown;

	/* Two names for one address, of one call or of two: one probe. */
	for (size_t i = 0; i < es->n; i++)
		if (es->list[i].vaddr == vaddr)
			return 0;
	grown = reallocarray(es->list, es->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	es->list = grown;
	es->list[es->n++] = (struct entry){ vaddr, row };
	return 0;
}

static int gather_entries(const struct candidate *c, enum call_api api,
			  const struct elf_function *syms, size_t n, struct entries *es)
{
	for (size_t i = 0; i < n; i++) {
		size_t row = row_of(syms[i].name);
		int err;

		if (row == cuda_calls_n || cuda_calls[row].api != api ||
		    !elf_file_is_code(c->elf, syms[i].vaddr))
			continue;
		err = add_entry(es, syms[i].vaddr, row);
		if (err)
			return err;
	}
	return 0;
}

/* Does the function at vaddr only jump to another traced one? That one's probe sees the call. */
static bool forwards(const struct candidate *c, const struct entries *es, uint64_t vaddr)
{
	uint8_t code[CODE_BYTES];
	int64_t to;
	int n = elf_file_read(c->elf, vaddr, code, sizeof(code));

	if (n <= 0 || !cuda_probe_forwards(code, n, &to))
		return false;
	for (size_t i = 0; i < es->n; i++)
		if (es->list[i].vaddr == vaddr + (uint64_t)to && to)
			return true;
	return false;
}

static int add_site(const struct candidate *c, struct cuda_lib *lib, const struct entry *e)
{
	struct cuda_site *site = &lib->sites[lib->sites_n];
	uint8_t code[CODE_BYTES];
	uint64_t at;
	int n;

	n = elf_file_read(c->elf, e->vaddr, code, sizeof(code));
	if (n <= 0)
		return n;
	at = e->vaddr + cuda_probe_skip(code, n, &site->costly);
	/* The kernel takes a wrong offset without complaint: it has to lie in code. */
	if (!elf_file_is_code(c->elf, at) || elf_file_vaddr_to_offset(c->elf, at, &site->offset))
		return 0;
	site->row = e->row;
	site->cookie = cuda_call_cookie(e->row, false);
	lib->sites_n++;
	return 0;
}

static int by_row(const void *a, const void *b)
{
	const struct cuda_site *x = a, *y = b;

	if (x->row != y->row)
		return x->row < y->row ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int make_sites(const struct candidate *c, const struct elf_function *syms, size_t n,
		      struct cuda_lib *lib)
{
	struct entries es = { 0 };
	int err;

	err = gather_entries(c, lib->api, syms, n, &es);
	if (err || !es.n)
		goto out;
	lib->sites = calloc(es.n, sizeof(*lib->sites));
	if (!lib->sites) {
		err = -ENOMEM;
		goto out;
	}
	for (size_t i = 0; i < es.n && !err; i++)
		if (!forwards(c, &es, es.list[i].vaddr))
			err = add_site(c, lib, &es.list[i]);
	qsort(lib->sites, lib->sites_n, sizeof(*lib->sites), by_row);
out:
	free(es.list);
	return err;
}

static void free_lib(struct cuda_lib *lib)
{
	free(lib->path);
	free(lib->open_path);
	free(lib->sites);
}

/* A library by its name: what it exports. A broken one is reported too, with the reason. */
static int look_into_library(const struct candidate *c, int open_err, struct cuda_lib *lib)
{
	const struct elf_function *syms;
	uint64_t emu;
	size_t n;
	int err = open_err;

	lib->api = c->api;
	if (!err)
		err = elf_file_dynsyms(c->elf, &syms, &n);
	if (err == -ENOMEM)
		return err;
	if (err) {
		snprintf(lib->why, sizeof(lib->why), "cannot be read as ELF");
		return 0;
	}
	find_version(c, lib);
	lib->emu = !elf_file_dynsym(c->elf, "infbpf_emu_runtime", &emu);
	err = make_sites(c, syms, n, lib);
	if (err || lib->sites_n)
		return err;
	if (lib->api == API_DRIVER)
		snprintf(lib->why, sizeof(lib->why), "driver calls are not traced yet");
	else
		snprintf(lib->why, sizeof(lib->why), "exports none of the calls infbpf knows");
	return 0;
}

/* A program: nvcc links the runtime into it by default, and then its calls are local symbols. */
static int look_into_program(const struct candidate *c, struct cuda_lib *lib, bool *found)
{
	const struct elf_function *functions;
	bool launches = false;
	size_t n;
	int err;

	err = elf_file_functions(c->elf, &functions, &n);
	if (err)
		return err == -ENOMEM ? err : 0;
	for (size_t i = 0; i < n && !launches; i++)
		launches = !strcmp(functions[i].name, "cudaLaunchKernel");
	*found = launches;
	if (!launches)
		return 0;
	lib->api = API_RUNTIME;
	lib->is_static = true;
	return make_sites(c, functions, n, lib);
}

static bool is_known(const struct cuda_libs *libs, const struct candidate *c)
{
	for (size_t i = 0; i < libs->n; i++)
		if (libs->libs[i].dev == c->dev && libs->libs[i].inode == c->inode)
			return true;
	for (size_t i = 0; i < libs->without_n && c->api < 0; i++)
		if (libs->without[i][0] == c->dev && libs->without[i][1] == c->inode)
			return true;
	return false;
}

static int remember_without(struct cuda_libs *libs, const struct candidate *c)
{
	uint64_t(*grown)[2] = reallocarray(libs->without, libs->without_n + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	libs->without = grown;
	grown[libs->without_n][0] = c->dev;
	grown[libs->without_n][1] = c->inode;
	libs->without_n++;
	return 0;
}

static int append(struct cuda_libs *libs, const struct candidate *c, struct cuda_lib *lib)
{
	struct cuda_lib *grown;

	lib->dev = c->dev;
	lib->inode = c->inode;
	lib->path = strdup(c->path);
	lib->open_path = strdup(c->open_path);
	grown = reallocarray(libs->libs, libs->n + 1, sizeof(*grown));
	if (!lib->path || !lib->open_path || !grown) {
		libs->libs = grown ? grown : libs->libs;
		return -ENOMEM;
	}
	libs->libs = grown;
	libs->libs[libs->n++] = *lib;
	return 1;
}

/* Looks into an open file (and closes it). 1: added, 0: known, or nothing of CUDA in it. */
static int consider(struct candidate *c, int fd, struct cuda_libs *libs)
{
	struct cuda_lib lib = { 0 };
	bool found = c->api >= 0;
	struct stat st;
	int err;

	if (fstat(fd, &st)) {
		err = -errno;
		close(fd);
		return err;
	}
	c->dev = st.st_dev;
	c->inode = st.st_ino;
	if (is_known(libs, c)) {
		close(fd);
		return 0;
	}
	err = elf_file_open_fd(&c->elf, fd);
	if (found)
		err = look_into_library(c, err, &lib);
	else if (!err)
		err = look_into_program(c, &lib, &found);
	else if (err != -ENOMEM)
		err = 0;
	if (!err)
		err = found ? append(libs, c, &lib) : remember_without(libs, c);
	if (err != 1)
		free_lib(&lib);
	elf_file_close(c->elf);
	return err;
}

int cuda_find_file(const char *path, struct cuda_libs *libs)
{
	struct candidate c = { .path = path, .open_path = path, .api = api_of(path) };
	/* O_NONBLOCK: a FIFO must not hang infbpf. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	return consider(&c, fd, libs);
}

/* The mapping of the program itself. NULL: not found, e.g. it was replaced by another. */
static const struct proc_map *program_map(pid_t pid, const struct proc_maps *maps)
{
	char exe[64], buf[PATH_MAX];
	static const char deleted[] = " (deleted)";
	ssize_t n;

	snprintf(exe, sizeof(exe), "/proc/%d/exe", pid);
	n = readlink(exe, buf, sizeof(buf) - 1);
	if (n <= 0)
		return NULL;
	buf[n] = '\0';
	if ((size_t)n >= sizeof(deleted) && !strcmp(buf + n - (sizeof(deleted) - 1), deleted))
		buf[n - (ssize_t)(sizeof(deleted) - 1)] = '\0';
	for (size_t i = 0; i < maps->n; i++)
		if (maps->maps[i].exec && !strcmp(maps->maps[i].path, buf))
			return &maps->maps[i];
	return NULL;
}

static int report_unopened(struct candidate *c, const struct proc_map *m, int err,
			   struct cuda_libs *libs)
{
	struct cuda_lib lib = { .api = c->api };
	int ret;

	c->open_path = "";
	c->dev = makedev(m->dev_major, m->dev_minor);
	c->inode = m->inode;
	if (is_known(libs, c))
		return 0;
	snprintf(lib.why, sizeof(lib.why), "cannot be opened: %s", strerror(-err));
	ret = append(libs, c, &lib);
	if (ret != 1)
		free_lib(&lib);
	return ret;
}

static int consider_map(pid_t pid, const struct proc_map *m, struct cuda_libs *libs)
{
	struct candidate c = { .path = m->path, .api = api_of(m->path) };
	char open_path[PATH_MAX + 64];
	int fd = proc_maps_open_file(pid, m, open_path, sizeof(open_path));

	if (fd >= 0) {
		c.open_path = open_path;
		return consider(&c, fd, libs);
	}
	/* Gone between reading the maps and now: nothing to probe. A library that is there but may
	 * not be opened is reported. */
	if (fd == -ENOENT || fd == -ESRCH || c.api < 0)
		return 0;
	return report_unopened(&c, m, fd, libs);
}

int cuda_find_process(pid_t pid, struct cuda_libs *libs)
{
	const struct proc_map *program;
	bool has_runtime = false;
	struct proc_maps maps;
	int added = 0, err;

	err = proc_maps_read(pid, &maps);
	if (err)
		return err;
	for (size_t i = 0; i < maps.n; i++) {
		const int api = maps.maps[i].exec ? api_of(maps.maps[i].path) : -1;

		if (api < 0)
			continue;
		has_runtime |= api == API_RUNTIME;
		err = consider_map(pid, &maps.maps[i], libs);
		if (err < 0)
			goto out;
		added += err;
	}
	program = has_runtime ? NULL : program_map(pid, &maps);
	err = program && api_of(program->path) < 0 ? consider_map(pid, program, libs) : 0;
	if (err > 0)
		added += err;
out:
	proc_maps_free(&maps);
	return err < 0 ? err : added;
}

void cuda_libs_free(struct cuda_libs *libs)
{
	for (size_t i = 0; i < libs->n; i++)
		free_lib(&libs->libs[i]);
	free(libs->libs);
	free(libs->without);
	memset(libs, 0, sizeof(*libs));
}
