// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ELF files: headers, segments, notes.
 *
 * libelf reads the headers, with read(), not mmap(): a file that its owner cuts short while it is
 * mapped would end in SIGBUS. Between questions only the descriptor and the segments are kept.
 */
#define _GNU_SOURCE
#include "elf_private.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a broken file, do not look at more than this. Real files have about 13 program headers, notes
 * of some hundred bytes and dynamic sections of some kilobytes. */
#define MAX_SEGMENTS 128
#define MAX_CHUNK    (1024 * 1024)

#if defined(__x86_64__)
#define THIS_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define THIS_MACHINE EM_AARCH64
#else
#error "which e_machine is this?"
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define THIS_DATA ELFDATA2LSB
#else
#define THIS_DATA ELFDATA2MSB
#endif

Elf *elf_file_begin(const struct elf_file *f)
{
	elf_version(EV_CURRENT);
	return elf_begin(f->fd, ELF_C_READ, NULL);
}

int elf_file_pread(const struct elf_file *f, void *buf, size_t n, uint64_t offset)
{
	char *to = buf;

	if (offset > f->size || n > f->size - offset)
		return -ENOEXEC;
	while (n) {
		ssize_t got = pread(f->fd, to, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return -ENOEXEC;
		to += got;
		n -= got;
		offset += got;
	}
	return 0;
}

static int add_segment(struct elf_file *f, const GElf_Phdr *ph)
{
	struct elf_segment *s;
	uint64_t end;

	if (ph->p_filesz > ph->p_memsz || __builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end) ||
	    __builtin_add_overflow(ph->p_offset, ph->p_filesz, &end) ||
	    f->segments_n >= MAX_SEGMENTS)
		return -ENOEXEC;
	s = reallocarray(f->segments, f->segments_n + 1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	f->segments = s;
	s[f->segments_n++] = (struct elf_segment){
		.vaddr = ph->p_vaddr,
		.offset = ph->p_offset,
		.filesz = ph->p_filesz,
		.memsz = ph->p_memsz,
		.exec = ph->p_flags & PF_X,
	};
	return 0;
}

static int read_segments(struct elf_file *f, Elf *elf)
{
	size_t n;
	int err;

	if (elf_getphdrnum(elf, &n) || n > INT_MAX)
		return -ENOEXEC;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph))
			return -ENOEXEC;
		if (ph.p_type != PT_LOAD)
			continue;
		err = add_segment(f, &ph);
		if (err)
			return err;
	}
	return f->segments_n ? 0 : -ENOEXEC;
}

static int read_headers(struct elf_file *f)
{
	Elf *elf = elf_file_begin(f);
	GElf_Ehdr eh;
	int err = -ENOEXEC;

	if (!elf)
		return -ENOEXEC;
	if (elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &eh) &&
	    eh.e_ident[EI_CLASS] == ELFCLASS64 && eh.e_ident[EI_DATA] == THIS_DATA &&
	    eh.e_machine == THIS_MACHINE)
		err = read_segments(f, elf);
	elf_end(elf);
	return err;
}

int elf_file_open_fd(struct elf_file **out, int fd)
{
	struct elf_file *f;
	struct stat st;
	int err;

	*out = NULL;
	f = calloc(1, sizeof(*f));
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	f->fd = fd;
	if (fstat(fd, &st))
		err = -errno;
	else if (!S_ISREG(st.st_mode))
		err = -ENOEXEC;
	else {
		f->size = st.st_size;
		err = read_headers(f);
	}
	if (err) {
		elf_file_close(f);
		return err;
	}
	*out = f;
	return 0;
}

int elf_file_open(struct elf_file **out, const char *path)
{
	/* O_NONBLOCK: a FIFO of that name must not hang infbpf. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*out = NULL;
	return fd < 0 ? -errno : elf_file_open_fd(out, fd);
}

void elf_file_close(struct elf_file *f)
{
	if (!f)
		return;
	elf_table_free(&f->functions);
	elf_table_free(&f->dynamic);
	free(f->segments);
	close(f->fd);
	free(f);
}

int elf_file_fd(const struct elf_file *f)
{
	return f->fd;
}

const struct elf_segment *elf_file_segment(const struct elf_file *f, uint64_t vaddr)
{
	for (size_t i = 0; i < f->segments_n; i++)
		if (vaddr - f->segments[i].vaddr < f->segments[i].memsz &&
		    vaddr >= f->segments[i].vaddr)
			return &f->segments[i];
	return NULL;
}

int elf_file_vaddr_to_offset(const struct elf_file *f, uint64_t vaddr, uint64_t *offset)
{
	const struct elf_segment *s = elf_file_segment(f, vaddr);

	if (!s || vaddr - s->vaddr >= s->filesz)
		return -ENOENT;
	*offset = s->offset + (vaddr - s->vaddr);
	return 0;
}

int elf_file_offset_to_vaddr(const struct elf_file *f, uint64_t offset, uint64_t *vaddr)
{
	const struct elf_segment *found = NULL;

	/* Segments may share bytes of the file; the question is about code. */
	for (size_t i = 0; i < f->segments_n; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (offset >= s->offset && offset - s->offset < s->filesz && (!found || s->exec)) {
			found = s;
			if (s->exec)
				break;
		}
	}
	if (!found)
		return -ENOENT;
	*vaddr = found->vaddr + (offset - found->offset);
	return 0;
}

bool elf_file_is_code(const struct elf_file *f, uint64_t vaddr)
{
	const struct elf_segment *s = elf_file_segment(f, vaddr);

	return s && s->exec && vaddr - s->vaddr < s->filesz &&
	       s->offset + (vaddr - s->vaddr) < f->size;
}

int elf_file_read(const struct elf_file *f, uint64_t vaddr, void *buf, size_t n)
{
	const struct elf_segment *s = elf_file_segment(f, vaddr);
	uint64_t at, left;
	int err;

	if (!s || vaddr - s->vaddr >= s->filesz)
		return -ENOENT;
	at = vaddr - s->vaddr;
	left = s->filesz - at;
	if (n > left)
		n = left;
	if (n > INT_MAX)
		n = INT_MAX;
	err = elf_file_pread(f, buf, n, s->offset + at);
	return err ? err : (int)n;
}

/* Copies the string at a virtual address. */
static int read_string(const struct elf_file *f, uint64_t vaddr, char *buf, size_t len)
{
	int n = len ? elf_file_read(f, vaddr, buf, len) : -EINVAL;

	if (n < 0)
		return n;
	return memchr(buf, '\0', n) ? 0 : -ENAMETOOLONG;
}

/* The first program header of a type and the data it points to. NULL: none, or too large. */
static Elf_Data *segment_data(Elf *elf, uint32_t type, Elf_Type as, int *from)
{
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return NULL;
	for (; *from >= 0 && (size_t)*from < n && *from < MAX_SEGMENTS; (*from)++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, *from, &ph) || ph.p_type != type || ph.p_filesz > MAX_CHUNK)
			continue;
		if (as == ELF_T_NHDR && ph.p_align == 8)
			as = ELF_T_NHDR8;
		(*from)++;
		return elf_getdata_rawchunk(elf, (int64_t)ph.p_offset, ph.p_filesz, as);
	}
	return NULL;
}

int elf_file_soname(const struct elf_file *f, char *buf, size_t len)
{
	uint64_t strings = 0, name = 0;
	bool has_name = false;
	Elf_Data *data;
	int from = 0;
	Elf *elf;

	elf = elf_file_begin(f);
	if (!elf)
		return -ENOEXEC;
	data = segment_data(elf, PT_DYNAMIC, ELF_T_DYN, &from);
	for (int i = 0; data; i++) {
		GElf_Dyn dyn;

		if (!gelf_getdyn(data, i, &dyn) || dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_STRTAB)
			strings = dyn.d_un.d_ptr;
		if (dyn.d_tag == DT_SONAME) {
			name = dyn.d_un.d_val;
			has_name = true;
		}
	}
	elf_end(elf);
	return has_name ? read_string(f, strings + name, buf, len) : -ENOENT;
}

/* The build id among the notes of one segment: its place in data, and its length; 0: none. */
static size_t find_build_id(Elf_Data *data, size_t *at)
{
	size_t name_at, next, offset = 0;
	GElf_Nhdr note;

	while ((next = gelf_getnote(data, offset, &note, &name_at, at)) > 0) {
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof("GNU") &&
		    !memcmp((char *)data->d_buf + name_at, "GNU", sizeof("GNU")))
			return note.n_descsz;
		offset = next;
	}
	return 0;
}

int elf_file_build_id(const struct elf_file *f, char *buf, size_t len)
{
	int from = 0, err = -ENOENT;
	Elf_Data *data;
	Elf *elf;

	elf = elf_file_begin(f);
	if (!elf)
		return -ENOEXEC;
	while (err == -ENOENT && (data = segment_data(elf, PT_NOTE, ELF_T_NHDR, &from))) {
		size_t at = 0, n = find_build_id(data, &at);
		const uint8_t *id = (const uint8_t *)data->d_buf + at;

		if (!n)
			continue;
		if (n >= len / 2) {
			err = -ENAMETOOLONG;
			break;
		}
		for (size_t i = 0; i < n; i++)
			snprintf(buf + 2 * i, 3, "%02x", id[i]);
		err = 0;
	}
	elf_end(elf);
	return err;
}
