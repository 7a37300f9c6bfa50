/* SPDX-License-Identifier: Zlib */
/* A program that an archive brings beside the store. */
#pragma once

struct error;
struct installation;

#define INSTALL_PROGRAM_DIRECTORY "/usr/local/bin"

/* Puts NAME of the staging directory into /usr/local/bin, mode 0555, and into the manifest. One that is
 * there already is the image's own and stays; nothing is owed where the archive brought none. Where it
 * cannot be put there, that is said on stderr alone: Nix works without it, and its probe finds it missing.
 * Returns 0, or -1 with ERROR: the manifest cannot be written. */
int install_program(struct installation *installation, const char *name, struct error *error);
