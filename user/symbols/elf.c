// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * ELF files: headers, segments, notes.
 *
 * All is read by pread(), not mmap(): a file that its owner cuts short while it is mapped would end
 * in SIGBUS. And not by libelf: it believes counts that it reads a second time, so that a file which
 * changes between the two costs any amount of memory. Between questions only the descriptor, the
 * header and the segments are kept.
 */
#define _GNU_SOURCE
#include "elf_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a broken file, do not look at more than this. Real files have about 13 program headers, notes
 * of some hundred bytes and dynamic sections of some kilobytes. */
#define MAX_SEGMENTS 128
#define MAX_HEADERS  1170 /* program headers: 64 KiB, the kernel's own limit */
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

static int add_segment(struct elf_file *f, const Elf64_Phdr *ph)
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

/* Program header i. Their number and size were checked when the file was opened. */
static int read_phdr(const struct elf_file *f, size_t i, Elf64_Phdr *ph)
{
	return elf_file_pread(f, ph, sizeof(*ph), f->header.e_phoff + i * sizeof(*ph));
}

static int read_headers(struct elf_file *f)
{
	const Elf64_Ehdr *eh = &f->header;
	int err = elf_file_pread(f, &f->header, sizeof(f->header), 0);

	if (err)
		return err;
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_ident[EI_DATA] != THIS_DATA || eh->e_machine != THIS_MACHINE ||
	    eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum > MAX_HEADERS ||
	    eh->e_phoff > f->size)
		return -ENOEXEC;
	for (size_t i = 0; i < eh->e_phnum && !err; i++) {
		Elf64_Phdr ph;

		err = read_phdr(f, i, &ph);
		if (!err && ph.p_type == PT_LOAD)
			err = add_segment(f, &ph);
	}
	return err ? err : f->segments_n ? 0 : -ENOEXEC;
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

/* The next program header of a type from *from on, and the bytes it points to. 0: none. Segments that
 * are too large or beyond the file's end are passed over. */
static size_t segment_data(const struct elf_file *f, uint32_t type, size_t *from, Elf64_Phdr *ph,
			   char **out)
{
	while (*from < f->header.e_phnum && !read_phdr(f, (*from)++, ph)) {
		char *data;

		if (ph->p_type != type || !ph->p_filesz || ph->p_filesz > MAX_CHUNK)
			continue;
		data = malloc(ph->p_filesz);
		if (!data)
			return 0;
		if (!elf_file_pread(f, data, ph->p_filesz, ph->p_offset)) {
			*out = data;
			return ph->p_filesz;
		}
		free(data);
	}
	return 0;
}

/* What elf_file_soname() and elf_file_needs() look for in the dynamic section. */
struct dynamic_search {
	int64_t tag;
	const char *prefix; /* NULL: the first of that tag */
	char *buf;
	size_t len;
};

/* The string of the first matching entry, in buf. The address of all strings may come behind it. */
static int dynamic_string(const struct elf_file *f, const struct dynamic_search *s)
{
	uint64_t strings = 0;
	size_t from = 0, size;
	int err = -ENOENT;
	Elf64_Phdr ph;
	char *data;

	size = segment_data(f, PT_DYNAMIC, &from, &ph, &data);
	if (!size)
		return -ENOENT;
	for (int pass = 0; pass < 2 && err == -ENOENT; pass++) {
		for (size_t at = 0; size - at >= sizeof(Elf64_Dyn); at += sizeof(Elf64_Dyn)) {
			Elf64_Dyn dyn;

			memcpy(&dyn, data + at, sizeof(dyn));
			if (dyn.d_tag == DT_NULL)
				break;
			if (dyn.d_tag == DT_STRTAB)
				strings = dyn.d_un.d_ptr;
			if (!pass || dyn.d_tag != s->tag)
				continue;
			err = read_string(f, strings + dyn.d_un.d_val, s->buf, s->len);
			if (!s->prefix || (!err && !strncmp(s->buf, s->prefix, strlen(s->prefix))))
				break;
			err = -ENOENT;
		}
	}
	free(data);
	return err;
}

int elf_file_soname(const struct elf_file *f, char *buf, size_t len)
{
	return dynamic_string(f, &(struct dynamic_search){ DT_SONAME, NULL, buf, len });
}

bool elf_file_needs(const struct elf_file *f, const char *prefix)
{
	char name[256] = "";

	return !dynamic_string(f,
			       &(struct dynamic_search){ DT_NEEDED, prefix, name, sizeof(name) });
}

/* The build id among the notes of one segment: its place in data, and its length; 0: none. */
static size_t find_build_id(const char *data, size_t size, size_t align, size_t *id_at)
{
	size_t at = 0;

	while (at <= size && size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		size_t name = at + sizeof(note), desc;

		memcpy(&note, data + at, sizeof(note));
		/* 32-bit lengths: no overflow in 64 bits. */
		desc = (name + note.n_namesz + align - 1) / align * align;
		if (desc > size || note.n_descsz > size - desc)
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof("GNU") &&
		    !memcmp(data + name, "GNU", sizeof("GNU"))) {
			*id_at = desc;
			return note.n_descsz;
		}
		at = (desc + note.n_descsz + align - 1) / align * align;
	}
	return 0;
}

int elf_file_build_id(const struct elf_file *f, char *buf, size_t len)
{
	size_t from = 0, size;
	int err = -ENOENT;
	Elf64_Phdr ph;
	char *data;

	while (err == -ENOENT && (size = segment_data(f, PT_NOTE, &from, &ph, &data))) {
		size_t at = 0, n = find_build_id(data, size, ph.p_align == 8 ? 8 : 4, &at);

		if (n && n >= len / 2)
			err = -ENAMETOOLONG;
		else if (n)
			err = 0;
		for (size_t i = 0; i < n && !err; i++)
			snprintf(buf + 2 * i, 3, "%02x", (uint8_t)data[at + i]);
		free(data);
	}
	return err;
}

bool elf_file_same_code(const struct elf_file *a, const struct elf_file *b)
{
	const struct elf_segment *first[2] = { NULL, NULL };
	const struct elf_file *files[2] = { a, b };

	for (int i = 0; i < 2; i++)
		for (size_t j = 0; j < files[i]->segments_n && !first[i]; j++)
			if (files[i]->segments[j].exec)
				first[i] = &files[i]->segments[j];
	return first[0] && first[1] && first[0]->vaddr == first[1]->vaddr &&
	       first[0]->memsz == first[1]->memsz;
}
