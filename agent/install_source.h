/* SPDX-License-Identifier: Zlib */
/* Where Nix can be installed from: the contract's list, each file pinned by its SHA-256. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/digest.h"

/* What this machine runs, as Nix names it. */
#if defined(__x86_64__)
#define INSTALL_SYSTEM "x86_64-linux"
#elif defined(__aarch64__)
#define INSTALL_SYSTEM "aarch64-linux"
#elif defined(__riscv) && __riscv_xlen == 64
#define INSTALL_SYSTEM "riscv64-linux"
#endif

enum install_kind {
	INSTALL_ARCHIVE,   /* a closure archive: .tar.zst or .tar.xz (unpack.h) */
	INSTALL_INSTALLER, /* Determinate's installer, a program */
};

/* What a source offers to machines of one system. */
struct install_file {
	char *system; /* "x86_64-linux" */
	uint8_t sha256[DIGEST_SHA256_BYTES];
	char **urls; /* mirrors in the order in which they are tried; NULL-terminated, at least one */
};

struct install_source {
	char *name; /* for messages: "determinate-3.22.1" */
	enum install_kind kind;
	char *flavour;      /* of nix_profile.h */
	char *version;      /* of that flavour */
	bool is_unverified; /* nobody has compared the pins with what the maker publishes */
	struct install_file *files;
	size_t file_count;
};

/* The file for SYSTEM, or NULL. */
const struct install_file *install_source_file(const struct install_source *source,
					       const char *system);
void install_source_release(struct install_source *source);
