/* SPDX-License-Identifier: Zlib */
/* Programs that an installation runs: of the store that it brings, and installers. */
#pragma once

struct error;
struct installation;

/* Milliseconds that are left, at least 1. */
unsigned int install_left_ms(const struct installation *installation);

/* Runs a program of the store or of an installer: as root, with a fixed environment, /dev/null or INPUT
 * as input, within the time that is left. Returns 0, or -1 with ERROR, which quotes the end of what it
 * said. ARGUMENTS[0] is the program's path. */
int install_run(const struct installation *installation, const char *const *arguments, int input,
		struct error *error);
