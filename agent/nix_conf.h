/* SPDX-License-Identifier: Zlib */
/* Nix's configuration as Nix itself reads it: nix.conf, what it includes, the user's files and
 * NIX_CONFIG, in this order (Nix's parseConfigFiles). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct context;
struct root;
struct strbuf;
struct words;

#define NIX_CONF_MAX_FILE_BYTES 262144u
#define NIX_CONF_MAX_DEPTH 8u /* of includes; Nix knows no limit and crashes in a circle */

#define NIX_DEFAULT_SUBSTITUTERS "https://cache.nixos.org/"
#define NIX_DEFAULT_KEYS "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="

/* Who says so. A daemon knows the system's settings alone, and its clients' as far as it heeds them. */
enum nix_conf_layer {
	NIX_CONF_SYSTEM,      /* nix.conf and what it includes */
	NIX_CONF_USER,        /* the user's files */
	NIX_CONF_ENVIRONMENT, /* NIX_CONFIG */
};

struct nix_conf_setting {
	char *name;        /* as written: may begin with "extra-", may be an old name */
	char *value;       /* words joined by one space, as Nix does; may be "" */
	char *file;        /* path, or "NIX_CONFIG" */
	unsigned int line; /* from 1 */
	enum nix_conf_layer layer;
};

enum nix_conf_problem_kind {
	NIX_CONF_SYNTAX,    /* not "name = value" */
	NIX_CONF_BAD_VALUE, /* a switch that is neither true nor false, a number that is none */
	NIX_CONF_INCLUDE_MISSING,  /* include (not !include) of a file that is not there */
	NIX_CONF_INCLUDE_DEPTH,    /* includes that go in a circle, or nearly */
	NIX_CONF_INCLUDE_RELATIVE, /* of NIX_CONFIG, which is in no directory */
	NIX_CONF_UNREADABLE,       /* there, but not for this user: Nix passes over it in silence */
	NIX_CONF_TOO_LARGE,        /* beyond our own bounds: not read to its end */
};

struct nix_conf_problem {
	enum nix_conf_problem_kind kind;
	char *file;
	unsigned int line; /* 0: the file as a whole */
	char *text;        /* the line, or the path that it names; hostile */
};

struct nix_conf {
	struct nix_conf_setting *settings; /* in the order in which Nix applies them */
	size_t setting_count;
	struct nix_conf_problem *problems;
	size_t problem_count;
};

/* Where files come from; tests bring their own. */
struct nix_conf_reader {
	/* Appends a file's content. Returns 0, or -1 with errno. */
	int (*read)(const void *data, const char *path, struct strbuf *out);
	const void *data;
};

/* The machine's files. */
struct nix_conf_reader nix_conf_reader_of(const struct root *root);

/* Parses TEXT, which came from FILE. With READER NULL includes are passed over (what they say is
 * then not known). Parsing goes on behind a broken line, so that one run tells of all of them. */
void nix_conf_parse(struct nix_conf *conf, const struct nix_conf_reader *reader, const char *text,
		    const char *file, enum nix_conf_layer layer);

/* Reads PATH and parses it; a missing file says nothing. */
void nix_conf_parse_file(struct nix_conf *conf, const struct nix_conf_reader *reader,
			 const char *path, enum nix_conf_layer layer);

/* Reads all sources of a client with this environment, in Nix's order (nix_conf_sources.c). Our own
 * lines in NIX_CONFIG are left out: they are an effect of an earlier run, not a cause. */
void nix_conf_read(struct nix_conf *conf, const struct nix_conf_reader *reader,
		   const struct context *context);
void nix_conf_release(struct nix_conf *conf);

/* Whether PROBLEM makes every nix command fail. */
bool nix_conf_problem_is_fatal(const struct nix_conf_problem *problem);

/* False when a problem makes every nix command fail. */
bool nix_conf_is_valid(const struct nix_conf *conf);

/* "expected 'name = value'", "the included file does not exist", … */
const char *nix_conf_problem_text(enum nix_conf_problem_kind kind);

/* The last setting of NAME (its newest name) in the layers FIRST to LAST, or NULL. */
const struct nix_conf_setting *nix_conf_find(const struct nix_conf *conf, const char *name,
					     enum nix_conf_layer first, enum nix_conf_layer last);

/* The value of NAME in the layers up to LAST, or OTHERWISE. */
const char *nix_conf_value(const struct nix_conf *conf, const char *name, enum nix_conf_layer last,
			   const char *otherwise);

/* Adds the words of the list NAME in the layers up to LAST, "extra-" folded in, to RET; OTHERWISE is
 * its value where nothing sets it. */
void nix_conf_list(const struct nix_conf *conf, const char *name, enum nix_conf_layer last,
		   const char *otherwise, struct words *ret);
