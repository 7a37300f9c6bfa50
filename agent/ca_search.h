/* SPDX-License-Identifier: Zlib */
/* Where the certificate authorities of this machine are: for a process that speaks HTTPS, only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/strbuf.h"

struct context;
struct root;

struct ca_search {
	char *source;    /* the file or directory that was chosen, for people; NULL: none found */
	char *directory; /* hashed directory, opened one certificate at a time; NULL: the bundle */
	struct strbuf bundle; /* PEM text; read when there is no hashed directory */
};

/* Looks, in this order, at: PREFERRED (may be NULL; it alone counts, so that a CA that somebody
 * named is never silently replaced), SSL_CERT_FILE, NIX_SSL_CERT_FILE, a hashed directory (4 ms for
 * a handshake, where parsing a bundle takes 25 ms), the distributions' bundles, and the Nix
 * profiles'. In a --root only bundles count, because libcurl opens a directory by its path. A
 * variable that names no readable file is passed over. Returns whether something was
 * found; ca_search_release is owed in both cases. */
bool ca_search_find(const struct context *context, const char *preferred, struct ca_search *ret);
void ca_search_release(struct ca_search *search);

/* The first of the distributions' bundles, and behind them the Nix profiles', that this process can
 * read: for a program that wants one file. NULL: there is none. */
const char *ca_bundle_find(const struct root *root);

/* Whether a directory holds names by which OpenSSL looks certificates up ("5ed36f99.0"). */
bool ca_directory_is_hashed(const struct root *root, const char *path);
