/* SPDX-License-Identifier: Zlib */
/* Takes back what spinup itself has installed. */
#include "agent/uninstall.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/daemon_start.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/install_builders.h"
#include "agent/install_installer.h"
#include "agent/install_program.h"
#include "agent/install_run.h"
#include "agent/install_store.h"
#include "agent/mem.h"
#include "agent/narinfo.h"
#include "agent/nix_conf_edit.h"
#include "agent/nix_links.h"
#include "agent/nix_tree.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/tree.h"
#include "agent/words.h"

#define NOTHING "spinup has installed no Nix here: nothing was removed"
#define DEFAULT_BIN "/nix/var/nix/profiles/default/bin"

/* ---- what else is there */

/* A store path that the manifest does not name; the caller frees. NULL: there is none. */
static char *find_foreign(const struct installation *installation, size_t *ret_count)
{
	CLEANUP_WORDS struct words paths = {0};
	char *found = NULL;

	*ret_count = 0;
	(void)install_store_list(installation->state.nix, &paths, NULL);
	for (size_t i = 0; i < paths.count; i++) {
		if (manifest_has(&installation->manifest, MANIFEST_PATH, paths.items[i]))
			continue;
		(*ret_count)++;
		if (!found)
			found = mem_strdup(paths.items[i]);
	}
	return found;
}

/* Returns whether the store is to be kept, and says why. */
static bool is_kept(const struct installation *installation, struct strbuf *said)
{
	size_t count;
	CLEANUP_FREE char *path = find_foreign(installation, &count);

	if (path)
		strbuf_printf(
			said,
			"the store holds %zu paths that spinup did not put there, such as %s: it "
			"is kept, and so is all else (--force removes them too)",
			count, path);
	return path != NULL;
}

/* ---- piece by piece */

static int remove_programs(const struct installation *installation, struct error *error)
{
	CLEANUP_WORDS struct words programs = {0};

	manifest_values(&installation->manifest, MANIFEST_PROGRAM, &programs);
	for (size_t i = 0; i < programs.count; i++) {
		const char *path = programs.items[i];

		if (!text_starts_with(path, INSTALL_PROGRAM_DIRECTORY "/"))
			continue;
		if (unlink(path) < 0 && errno != ENOENT)
			return error_set(error, ERROR_AGENT, "%s: %s", path, strerror(errno));
	}
	return 0;
}

static int remove_conf(const struct installation *installation, struct error *error)
{
	static const char *const none[] = {NULL};
	CLEANUP_WORDS struct words files = {0};
	bool is_changed;

	manifest_values(&installation->manifest, MANIFEST_CONF, &files);
	for (size_t i = 0; i < files.count; i++)
		if (text_starts_with(files.items[i], "/etc/nix/") &&
		    nix_conf_edit(&installation->context->root, files.items[i], none, &is_changed,
				  error) < 0)
			return -1;
	return 0;
}

/* The store goes last but one: until the journal is gone as well, it counts as half installed. */
static int remove_store(struct installation *installation, struct error *error)
{
	int nix = installation->state.nix;

	if (tree_remove(nix, "var", error) < 0 || tree_remove(nix, "store", error) < 0)
		return -1;
	return 0;
}

/* /nix itself stays where it is a volume, or where something else lies in it. */
static int remove_state(struct installation *installation, struct error *error)
{
	if (tree_remove(installation->state.nix, INSTALL_STATE_NAME, error) < 0 ||
	    install_journal_remove(&installation->state, error) < 0)
		return -1;
	(void)rmdir("/nix");
	return 0;
}

static int undo_installer(struct installation *installation, struct error *error)
{
	CLEANUP_WORDS struct words installers = {0};

	manifest_values(&installation->manifest, MANIFEST_INSTALLER, &installers);
	return installers.count > 0 ? install_installer_undo(installation, error) : 0;
}

static int end_daemon(const struct installation *installation, struct error *error)
{
	const struct daemon_start how = {
		.root = &installation->context->root,
		.state = &installation->state.directory,
		.timeout_ms = install_left_ms(installation),
	};

	return daemon_end(&how, error);
}

static int take_back(struct installation *installation, struct error *error)
{
	nix_links_remove(&installation->context->root, DEFAULT_BIN);
	if (end_daemon(installation, error) < 0 ||
	    install_journal_write(&installation->state, INSTALL_STAGE_STORE, error) < 0 ||
	    undo_installer(installation, error) < 0 || remove_programs(installation, error) < 0 ||
	    remove_conf(installation, error) < 0 ||
	    install_builders_undo(installation, error) < 0 || remove_store(installation, error) < 0)
		return -1;
	return remove_state(installation, error);
}

static int uninstall_locked(struct installation *installation, bool is_forced, struct strbuf *said,
			    struct error *error)
{
	struct install_state *state = &installation->state;
	CLEANUP_WORDS struct words sources = {0};
	CLEANUP_FREE char *names = NULL;

	if (manifest_read(&installation->manifest, &state->directory, error) < 0)
		return -1;
	manifest_values(&installation->manifest, MANIFEST_SOURCE, &sources);
	if (installation->manifest.lines.count == 0) {
		strbuf_puts(said, NOTHING);
		return 0;
	}
	if (!is_forced && is_kept(installation, said))
		return 1;
	if (take_back(installation, error) < 0)
		return -1;
	names = words_join(&sources, ' ');
	strbuf_printf(said, "removed the Nix that spinup had installed (%s)",
		      *names ? names : "a part of it");
	return 0;
}

int uninstall(struct installation *installation, bool is_forced, struct strbuf *said,
	      struct error *error)
{
	struct stat status;
	int result;

	if (root_lstat(&installation->context->root, "/nix/" INSTALL_STATE_NAME, &status) < 0) {
		strbuf_puts(said, NOTHING);
		return 0;
	}
	result = install_state_open(&installation->state, &installation->context->root, error);
	if (result == 0)
		result = install_state_lock(&installation->state, installation->end_us, error);
	if (result == 0)
		result = uninstall_locked(installation, is_forced, said, error);
	manifest_release(&installation->manifest);
	install_state_close(&installation->state);
	return result;
}
