/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses to names.
 *
 * Locating (which file, which offset) needs the live process, so it is done while samples are
 * drained; reading symbol tables is put off until a name is asked for. A process that exits in
 * between keeps its names: the mapping list and an open descriptor of each file that a sample hit
 * stay with the image.
 *
 * Names handed out are safe for folded output: no ';', no control characters, no newline, do not
 * end in a space and digits; they live as long as the struct symbols.
 */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct symbols;
struct sym_image; /* one program image of one process: (tgid, image number) */
struct sym_file;  /* a file that samples hit */

struct symbols_options {
	bool lines; /* source lines and inlined functions (--lines) */
	bool local; /* no debuginfod, whatever DEBUGINFOD_URLS says */
};

int symbols_open(struct symbols **out, const struct symbols_options *o);
void symbols_close(struct symbols *s);

/* The image with this key, made on first use: reads /proc/PID/maps then. parent_tgid/parent_image:
 * for a forked process whose maps can no longer be read, the image to inherit from (0: none).
 * NULL: no memory. */
struct sym_image *symbols_image(struct symbols *s, uint32_t tgid, uint32_t image,
				uint32_t parent_tgid, uint32_t parent_image);

/* Reads /proc/PID/maps again (after a dlopen). At most once per 100 ms and image unless forced. */
int symbols_image_refresh(struct sym_image *im, bool force);

/* Turns a user address into a location that outlives the process: an id, stable for equal (file,
 * offset). Refreshes the maps once when the address is in no known mapping. 0: unknown.
 * leaf: the address is an instruction about to run, not a return address (which is looked up one
 * byte earlier). */
uint32_t symbols_user_location(struct symbols *s, struct sym_image *im, uint64_t ip, bool leaf);
uint32_t symbols_kernel_location(struct symbols *s, uint64_t ip);
/* A frame that is no code: "[truncated]". name is shown as it is. 0: no memory. */
uint32_t symbols_marker_location(struct symbols *s, const char *name);

/* True when the address lies in an executable mapping of the image: ends frame-pointer garbage. */
bool symbols_is_code(struct sym_image *im, uint64_t ip);

/* Where the code at an address is, for the unwinder. False: no executable mapping of the image.
 * file: NULL for code that is in no file (JIT), or in one that could not be opened. */
struct symbols_code {
	struct sym_file *file;
	uint64_t offset; /* in the file */
	bool anonymous;	 /* in no file */
};
bool symbols_code(struct symbols *s, struct sym_image *im, uint64_t ip, struct symbols_code *out);
/* A descriptor of the file, borrowed until symbols_close; -1: could not be opened. */
int symbols_file_fd(const struct sym_file *f);
/* A place for what the caller keeps with the file; not freed. */
void **symbols_file_data(struct sym_file *f);

/* For doctor: where the names in the files that the image maps would come from. For a struct symbols
 * with this one image. */
struct symbols_sources {
	size_t files; /* the sum of the next five */
	size_t own, debug_file, mini, dynsym, none;
	size_t jit; /* mappings of code in no file */
	bool perf_map;
};
void symbols_sources(struct symbols *s, struct sym_image *im, struct symbols_sources *out);

/* With --lines, a location is several frames: the function and those inlined into it there. Writes
 * the names, outermost first; returns how many, 1 to max: "function (file.c:12)", inlined ones ending
 * in "_[i]" (up to 90 bytes on top of SYMBOLS_NAME_MAX). Without it, the one of symbols_name(). */
#define SYMBOLS_INLINED_MAX 16
size_t symbols_frames(struct symbols *s, uint32_t location, const char **names, size_t max);

/* The frame name of a location: "function", "[libfoo.so.1+0x1234]" where the file has no symbol
 * there, "[unknown]" for 0, "function_[k]" for the kernel. Never NULL. */
const char *symbols_name(struct symbols *s, uint32_t location);

/* Kernel addresses hidden (kptr_restrict, no CAP_SYSLOG): names are "[kernel]_[k]". */
bool symbols_kernel_hidden(struct symbols *s);

/* Address of a kernel symbol, 0: none. Also finds "name.isra.0" and the like when only that
 * exists; the real name then goes to found (size found_len). */
uint64_t symbols_kernel_address(struct symbols *s, const char *name, char *found, size_t found_len);

/* Longest name handed out, in bytes; longer ones are cut and end in "...". "_[k]" comes on top. */
#define SYMBOLS_NAME_MAX 240

/* Demangles C++ and Rust (v0 and legacy), without parameters and Rust's hash; malloc'ed, NULL: not
 * mangled. Long results come cut, ending in "...". */
char *symbols_demangle(const char *mangled);
/* In place: makes a name safe for a folded frame (see the top), at most SYMBOLS_NAME_MAX bytes. What
 * it replaces: ';' by ':', control characters (also Unicode's, and those that turn the direction of
 * text) and invalid UTF-8 by '?', the last space before trailing digits by '_'. */
void symbols_clean_name(char *name);
/* Is this character one of those that it replaces? */
bool symbols_unsafe_char(uint32_t code);

#endif /* SYMBOLS_H */
