/* SPDX-License-Identifier: Zlib */
/* Where a client's configuration comes from, in the order in which Nix applies it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/mem.h"
#include "agent/nix_block.h"
#include "agent/nix_conf.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/words.h"

#define MAX_VARIABLE_BYTES 131072u /* one environment string of the kernel */

static int read_from_root(const void *data, const char *path, struct strbuf *out)
{
	const struct root *root = data;
	struct stat status;

	if (root_read(root, path, out) == 0)
		return 0;
	/* A dangling link is there for Nix, only not readable. */
	if (errno == ENOENT && root_lstat(root, path, &status) == 0)
		errno = ELOOP;
	return -1;
}

struct nix_conf_reader nix_conf_reader_of(const struct root *root)
{
	return (struct nix_conf_reader){.read = read_from_root, .data = root};
}

/* Nix's default list: its own directory, then those of the XDG specification. */
static void default_user_files(const struct context *context, struct words *ret)
{
	const char *own = context_env(context, "NIX_CONFIG_HOME");
	const char *config = context_env(context, "XDG_CONFIG_HOME");
	const char *shared = context_env(context, "XDG_CONFIG_DIRS");
	CLEANUP_WORDS struct words directories = {0};
	CLEANUP_FREE char *first = NULL;

	if (own)
		first = mem_format("%s/nix.conf", own);
	else if (config)
		first = mem_format("%s/nix/nix.conf", config);
	else if (context->nix_home)
		first = mem_format("%s/.config/nix/nix.conf", context->nix_home);
	if (first)
		words_add(ret, first);
	words_split(&directories, shared ? shared : "/etc/xdg", ":");
	for (size_t i = 0; i < directories.count; i++) {
		CLEANUP_FREE char *path = mem_format("%s/nix/nix.conf", directories.items[i]);

		words_add(ret, path);
	}
}

/* They are read from the last to the first, so that the first one wins. */
static void read_user_files(struct nix_conf *conf, const struct nix_conf_reader *reader,
			    const struct context *context)
{
	const char *listed = context_env(context, "NIX_USER_CONF_FILES");
	CLEANUP_WORDS struct words files = {0};

	if (listed)
		words_split(&files, listed, ":");
	else
		default_user_files(context, &files);
	for (size_t i = files.count; i-- > 0;)
		if (files.items[i][0] == '/')
			nix_conf_parse_file(conf, reader, files.items[i], NIX_CONF_USER);
}

void nix_conf_read(struct nix_conf *conf, const struct nix_conf_reader *reader,
		   const struct context *context)
{
	CLEANUP_STRBUF struct strbuf own = STRBUF_INIT(MAX_VARIABLE_BYTES);
	const char *directory = context_env(context, "NIX_CONF_DIR");
	const char *variable = context_env(context, "NIX_CONFIG");
	CLEANUP_FREE char *system = mem_format("%s/nix.conf", directory ? directory : "/etc/nix");

	nix_conf_parse_file(conf, reader, system, NIX_CONF_SYSTEM);
	read_user_files(conf, reader, context);
	if (!variable)
		return;
	nix_block_strip(variable, &own);
	nix_conf_parse(conf, reader, own.data, "NIX_CONFIG", NIX_CONF_ENVIRONMENT);
}
