// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * MiniDebugInfo: Fedora's and RHEL's stripped files carry the symbols that .dynsym lacks as an ELF
 * file of its own, packed by xz, in the section .gnu_debugdata.
 */
#define _GNU_SOURCE
#include "private.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Real ones have some hundred kilobytes. What is larger, unpacked or packed, is left alone. */
#define UNPACKED_MAX (64u * 1024 * 1024)
#define PACKED_MAX   (32u * 1024 * 1024)
/* For the decoder: xz -9 wants 65 MiB. */
#define DECODER_BYTES_MAX (80u * 1024 * 1024)

static int write_all(int fd, const uint8_t *data, size_t n)
{
	while (n) {
		ssize_t done = write(fd, data, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -EIO;
		data += done;
		n -= done;
	}
	return 0;
}

static int unpack(const void *packed, size_t packed_n, size_t *budget, int fd)
{
	size_t room = *budget < UNPACKED_MAX ? *budget : UNPACKED_MAX;
	lzma_stream stream = LZMA_STREAM_INIT;
	uint8_t out[65536];
	lzma_ret ret;
	int err = 0;

	if (lzma_stream_decoder(&stream, DECODER_BYTES_MAX, 0) != LZMA_OK)
		return -ENOMEM;
	stream.next_in = packed;
	stream.avail_in = packed_n;
	do {
		size_t n;

		stream.next_out = out;
		stream.avail_out = sizeof(out);
		ret = lzma_code(&stream, LZMA_FINISH);
		n = sizeof(out) - stream.avail_out;
		if (ret != LZMA_OK && ret != LZMA_STREAM_END)
			err = ret == LZMA_MEM_ERROR ? -ENOMEM : -ENOEXEC;
		else if (n > room)
			err = -EFBIG;
		else
			err = write_all(fd, out, n);
		room -= n < room ? n : room;
		*budget -= n < *budget ? n : *budget;
	} while (!err && ret != LZMA_STREAM_END);
	lzma_end(&stream);
	return err;
}

int mini_debug_open(const struct elf_file *f, size_t *budget, struct elf_file **out)
{
	struct elf_extent section;
	void *packed;
	int fd, err;

	*out = NULL;
	err = elf_file_section(f, ".gnu_debugdata", &section);
	if (!err)
		err = elf_file_extent_read(f, &section, PACKED_MAX, &packed);
	if (err)
		return err;
	fd = memfd_create("debugdata", MFD_CLOEXEC);
	if (fd < 0) {
		free(packed);
		return -errno;
	}
	err = unpack(packed, section.size, budget, fd);
	free(packed);
	if (err) {
		close(fd);
		return err;
	}
	err = elf_file_open_fd(out, fd);
	if (!err && !elf_file_same_code(*out, f)) {
		elf_file_close(*out);
		*out = NULL;
		err = -ENOEXEC;
	}
	return err;
}
