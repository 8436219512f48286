/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A profile from the JSON that json_write() made. */
#ifndef PROFILE_READ_H
#define PROFILE_READ_H

#include "fault.h"
#include "profile.h"

/* A finished profile, without lines (the JSON has no stacks). Fields that the file lacks are
 * PROFILE_UNKNOWN or NULL, unknown ones are passed over. NULL with f set: no such file, no JSON, no
 * profile of infbpf's, a version that is not known. */
struct profile *profile_read(const char *path, struct fault *f);

#endif /* PROFILE_READ_H */
