// SPDX-License-Identifier: Zlib
// The errors by name that the lab's tools let system calls fail with.
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// The number of an errno's name or decimal number; 0 where the text is neither.
static inline int errno_of(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {
		{"EPERM", EPERM},   {"ENOENT", ENOENT},
		{"EINTR", EINTR},   {"EIO", EIO},
		{"EAGAIN", EAGAIN}, {"ENOMEM", ENOMEM},
		{"EACCES", EACCES}, {"EINVAL", EINVAL},
		{"EMFILE", EMFILE}, {"ENOSPC", ENOSPC},
		{"EDQUOT", EDQUOT}, {"EROFS", EROFS},
		{"ENOSYS", ENOSYS}, {"EBUSY", EBUSY},
		{"ENODEV", ENODEV}, {"EOPNOTSUPP", EOPNOTSUPP},
		{"EXDEV", EXDEV},   {"ENXIO", ENXIO},
	};
	char *end;
	long number = strtol(text, &end, 10);

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i].name, text))
			return names[i].number;
	return end != text && !*end && number > 0 && number < 4096 ? (int)number : 0;
}
