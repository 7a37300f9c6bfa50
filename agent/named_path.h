/* SPDX-License-Identifier: Zlib */
/* Files as a person names them: relative to where he stands. */
#pragma once

/* PATH from /, not resolved; NULL where it is relative and the working directory is gone. The caller frees. */
char *named_path(const char *path);
