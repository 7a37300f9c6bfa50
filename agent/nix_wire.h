/* SPDX-License-Identifier: Zlib */
/* Numbers and strings as Nix's worker protocol sends them (Nix's serialise.cc), bounded in time and
 * size. Each function returns false after setting the connection's outcome and message. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nix_daemon;

/* A number is 8 bytes, little-endian. */
bool nix_wire_read_number(struct nix_daemon *daemon, uint64_t *ret);

/* A string is its length, its bytes, and zeros up to a multiple of 8. What does not fit into SIZE is
 * read and left out; RET is always terminated. */
bool nix_wire_read_text(struct nix_daemon *daemon, char *ret, size_t size);

/* A write that fails because the daemon is gone is no failure yet: it may have said why before, and
 * the next read tells. */
bool nix_wire_write_numbers(struct nix_daemon *daemon, const uint64_t *numbers, size_t count);
bool nix_wire_write_text(struct nix_daemon *daemon, const char *text);

/* The daemon broke the protocol: sets the outcome and the (cleaned) message; always false. */
bool nix_wire_fail(struct nix_daemon *daemon, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
