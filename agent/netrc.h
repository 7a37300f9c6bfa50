/* SPDX-License-Identifier: Zlib */
/* netrc files as libcurl reads them (lib/netrc.c), which is how Nix gets its credentials. All content
 * is secret. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct error;
struct strbuf;

#define NETRC_MAX_BYTES 131072u     /* of a file */
#define NETRC_MAX_TOKEN_BYTES 4095u /* of one word */

struct netrc_entry {
	char *machine;  /* NULL: "default", for every host */
	char *login;    /* NULL: not stated */
	char *password; /* NULL: not stated */
};

struct netrc {
	struct netrc_entry *entries;
	size_t count;
};

/* Appends the entries of TEXT. Macros are dropped, as libcurl ignores them. Returns 0, or -1 with
 * ERROR (which never shows the content): a file that libcurl would refuse or misread. */
int netrc_parse(struct netrc *netrc, const char *text, struct error *error);
void netrc_release(struct netrc *netrc);

/* Puts MACHINE's credentials first and takes older ones of this machine out. Returns 0, or -1 with
 * ERROR for what no netrc can hold. */
int netrc_set(struct netrc *netrc, const char *machine, const char *login, const char *password,
	      struct error *error);

/* Appends the file's text, an entry a line, "default" last. */
void netrc_print(const struct netrc *netrc, struct strbuf *out);
