/* SPDX-License-Identifier: Zlib */
/* What spinup adds to the Nix daemon's own configuration. */
#include "agent/daemon_conf.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/accounts.h"
#include "agent/cleanup.h"
#include "agent/contract.h"
#include "agent/daemon_program.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/nix_conf.h"
#include "agent/nix_conf_edit.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/words.h"

#define CONF "/etc/nix/nix.conf"
#define CUSTOM_CONF "/etc/nix/nix.custom.conf"

const char *daemon_conf_path(const struct root *root)
{
	struct stat status;

	return root_stat(root, daemon_places.determinate, &status) == 0 ? CUSTOM_CONF : CONF;
}

/* Our lines that are in the file already. */
static int read_own(const struct root *root, const char *path, struct words *ret,
		    struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(NIX_CONF_MAX_FILE_BYTES);
	const char *begin, *end;

	if (root_read(root, path, &text) < 0)
		return errno == ENOENT
			       ? 0
			       : error_set(error, ERROR_AGENT, "%s: %s", path, strerror(errno));
	begin = strstr(text.data, NIX_CONF_EDIT_BEGIN "\n");
	end = begin ? strstr(begin, NIX_CONF_EDIT_END) : NULL;
	if (end) {
		CLEANUP_FREE char *block = NULL;

		begin += strlen(NIX_CONF_EDIT_BEGIN);
		block = mem_strndup(begin, (size_t)(end - begin));
		words_split(ret, block, "\n");
	}
	return 0;
}

static bool is_set(const struct nix_conf *conf, const char *name)
{
	return nix_conf_find(conf, name, NIX_CONF_SYSTEM, NIX_CONF_SYSTEM) != NULL;
}

static void add_line(struct words *lines, char *line)
{
	if (!words_contain(lines, line))
		words_add(lines, line);
	free(line);
}

static void add_parts(const struct root *root, const struct contract *contract, unsigned int parts,
		      struct words *lines)
{
	const struct nix_conf_reader reader = nix_conf_reader_of(root);
	struct nix_conf conf = {0};

	nix_conf_parse_file(&conf, &reader, CONF, NIX_CONF_SYSTEM);
	nix_conf_parse_file(&conf, &reader, CUSTOM_CONF, NIX_CONF_SYSTEM);
	if (parts & DAEMON_CONF_BUILDERS && !is_set(&conf, "build-users-group"))
		add_line(lines, mem_strdup("build-users-group = " ACCOUNTS_BUILD_GROUP));
	if (parts & DAEMON_CONF_FEATURES && !is_set(&conf, "experimental-features") &&
	    !is_set(&conf, "extra-experimental-features"))
		add_line(lines, mem_strdup("extra-experimental-features = nix-command flakes"));
	if (parts & DAEMON_CONF_CACHE) {
		add_line(lines, mem_format("extra-trusted-substituters = %s/%s",
					   contract->attic_cluster_url, contract->attic_cache));
		for (char **key = contract->attic_keys; *key; key++)
			add_line(lines, mem_format("extra-trusted-public-keys = %s", *key));
	}
	nix_conf_release(&conf);
}

int daemon_conf_add(const struct root *root, const struct contract *contract, unsigned int parts,
		    bool *ret_changed, struct error *error)
{
	const char *path = daemon_conf_path(root);
	CLEANUP_WORDS struct words lines = {0};

	if (read_own(root, path, &lines, error) < 0)
		return -1;
	add_parts(root, contract, parts, &lines);
	words_end(&lines);
	return nix_conf_edit(root, path, (const char *const *)lines.items, ret_changed, error);
}
