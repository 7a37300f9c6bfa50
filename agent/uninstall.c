/* SPDX-License-Identifier: Zlib */
/* Takes back what spinup itself has installed. */
#include "agent/uninstall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/daemon_conf.h"
#include "agent/daemon_record.h"
#include "agent/daemon_start.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/install_builders.h"
#include "agent/install_home.h"
#include "agent/install_installer.h"
#include "agent/install_program.h"
#include "agent/install_run.h"
#include "agent/install_store.h"
#include "agent/mem.h"
#include "agent/new_file.h"
#include "agent/nix_conf_edit.h"
#include "agent/nix_links.h"
#include "agent/nix_profile.h"
#include "agent/nix_tree.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/tree.h"
#include "agent/words.h"

#define WHY_MAX_BYTES 600u
#define NOTHING "spinup has installed no Nix here: nothing was removed"

/* What Nix and its installation have below /nix, and what of their parents goes when nothing else lies
 * there. */
static const char *const subtrees[] = {"var/nix", "var/log/nix", "var/determinate", "store"};
static const char *const parents[] = {"var/log", "var"};

/* ---- what else is there */

/* Returns 1 where store paths are there that the manifest does not name, and says so; 0 where there are
 * none; -1 with ERROR: what cannot be looked through may hold any. */
static int is_kept(const struct installation *installation, struct strbuf *said,
		   struct error *error)
{
	CLEANUP_WORDS struct words paths = {0};
	const char *first = NULL;
	size_t count = 0;

	if (install_store_list_own(installation->state.nix, &paths, error) < 0)
		return error_prefix(error, "it cannot be seen what else the store holds, so that "
					   "all is kept (--force removes it unseen)");
	for (size_t i = 0; i < paths.count; i++) {
		if (manifest_has(&installation->manifest, MANIFEST_PATH, paths.items[i]))
			continue;
		count++;
		if (!first)
			first = paths.items[i];
	}
	if (first)
		strbuf_printf(
			said,
			"the store holds %zu paths that spinup did not put there, such as %s: it "
			"is kept, and so is all else (--force removes them too)",
			count, first);
	return first != NULL;
}

/* Opens the directory that the subtree at PATH lies in; -1: it is not there, or ERROR is set. */
static int open_parent(const struct installation *installation, const char *path,
		       struct error *error)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *parent = mem_strndup(path, slash ? (size_t)(slash - path) : 0);
	struct stat status;

	if (fstatat(installation->state.nix, path, &status, AT_SYMLINK_NOFOLLOW) < 0 &&
	    (errno == ENOENT || errno == ENOTDIR))
		return -1;
	return nix_tree_open(installation->state.nix, parent, error);
}

/* Has ACT done to one. */
static int at_subtree(const struct installation *installation, const char *path,
		      int (*act)(int directory, const char *name, struct error *error),
		      struct error *error)
{
	const char *slash = strrchr(path, '/');
	struct error failure = {0};
	CLEANUP_CLOSE int parent = open_parent(installation, path, &failure);

	if (parent < 0) {
		if (failure.code == ERROR_NONE)
			return 0;
		return error_set(error, failure.code, "%s", failure.message);
	}
	if (act(parent, slash ? slash + 1 : path, error) < 0)
		return error_prefix(error, "below " INSTALL_HOME "/%.*s",
				    slash ? (int)(slash - path) : 0, path);
	return 0;
}

static int each_subtree(const struct installation *installation,
			int (*act)(int directory, const char *name, struct error *error),
			struct error *error)
{
	for (size_t i = 0; i < sizeof(subtrees) / sizeof(subtrees[0]); i++)
		if (at_subtree(installation, subtrees[i], act, error) < 0)
			return -1;
	return 0;
}

/* ---- piece by piece */

/* What a kill has left beside PATH. */
static void clear_beside(const struct installation *installation, const char *path)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *folder = mem_strndup(path, (size_t)(slash - path));
	CLEANUP_CLOSE int directory =
		root_open(&installation->context->root, folder, O_RDONLY | O_DIRECTORY, 0);

	if (directory >= 0)
		new_file_clear(directory, slash + 1);
}

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
		clear_beside(installation, path);
	}
	return 0;
}

static int remove_lines(const struct installation *installation, const char *path,
			struct error *error)
{
	static const char *const none[] = {NULL};
	bool is_changed;

	if (nix_conf_edit(&installation->context->root, path, none, &is_changed, error) < 0)
		return -1;
	clear_beside(installation, path);
	return 0;
}

/* The file is noted only when it has been written, so that a kill in between leaves it unnoted: the one
 * that would be edited now is looked at in any case, and our markers tell what is ours. */
static int remove_conf(const struct installation *installation, struct error *error)
{
	const char *current = daemon_conf_path(&installation->context->root);
	CLEANUP_WORDS struct words files = {0};

	manifest_values(&installation->manifest, MANIFEST_CONF, &files);
	for (size_t i = 0; i < files.count; i++)
		if (text_starts_with(files.items[i], "/etc/nix/") &&
		    remove_lines(installation, files.items[i], error) < 0)
			return -1;
	if (!words_contain(&files, current))
		(void)remove_lines(installation, current, NULL);
	return 0;
}

/* The store goes last but one: until the journal is gone as well, it counts as half installed. */
static int remove_store(const struct installation *installation, struct error *error)
{
	if (each_subtree(installation, tree_remove, error) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		struct error failure = {0};
		const char *slash = strrchr(parents[i], '/');
		CLEANUP_CLOSE int parent = open_parent(installation, parents[i], &failure);

		if (parent >= 0)
			(void)unlinkat(parent, slash ? slash + 1 : parents[i], AT_REMOVEDIR);
	}
	return 0;
}

/* /nix itself stays where it was there before, is a volume, or where something else lies in it. */
static int remove_state(struct installation *installation, struct error *error)
{
	const struct root *root = &installation->context->root;
	bool is_own = manifest_has(&installation->manifest, MANIFEST_DIRECTORY, INSTALL_HOME);

	if (install_journal_remove(&installation->state, error) < 0)
		return -1;
	if (is_own && install_home_remove(root, installation->state.nix))
		return 0;
	if (install_state_remove(&installation->state, error) < 0)
		return -1;
	if (is_own)
		(void)rmdir(INSTALL_HOME);
	return 0;
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

/* WHY gets the reason where the installer could not be trusted with it; the rest goes all the same. */
static int take_back(struct installation *installation, struct strbuf *why, struct error *error)
{
	if (each_subtree(installation, tree_check, error) < 0 ||
	    tree_check(installation->state.nix, INSTALL_STATE_NAME, error) < 0)
		return -1;
	if (end_daemon(installation, error) < 0 ||
	    install_journal_write(&installation->state, INSTALL_STAGE_STORE, error) < 0)
		return -1;
	nix_links_remove(&installation->context->root, NIX_PROFILE_DEFAULT_BIN);
	if (install_installer_undo(installation, why, error) < 0 ||
	    remove_conf(installation, error) < 0 || remove_programs(installation, error) < 0 ||
	    install_builders_undo(installation, error) < 0 || remove_store(installation, error) < 0)
		return -1;
	return remove_state(installation, error);
}

/* What a call that was killed has left. A daemon of an image's own Nix that spinup has started is known
 * by its record in there, which stays with it. */
static int clear(struct installation *installation, struct error *error)
{
	struct install_state *state = &installation->state;
	CLEANUP_DAEMON_RECORD struct daemon_record record = {0};

	if (install_journal_remove(state, error) < 0 || install_staging_remove(state, error) < 0)
		return -1;
	if (daemon_record_read(state->root, &state->directory, &record, NULL) != 0)
		return 0;
	return install_state_remove(state, error);
}

static void say_removed(const struct installation *installation, const struct strbuf *why,
			struct strbuf *said)
{
	CLEANUP_WORDS struct words sources = {0};
	CLEANUP_FREE char *names = NULL;

	manifest_values(&installation->manifest, MANIFEST_SOURCE, &sources);
	names = words_join(&sources, ' ');
	strbuf_printf(said, "removed the Nix that spinup had installed (%s)",
		      *names ? names : "a part of it");
	if (why->length)
		strbuf_printf(said,
			      "; but /nix/nix-installer was not run: %s. What the installer has "
			      "made outside /nix/store and /nix/var is still there",
			      why->data);
}

static int uninstall_locked(struct installation *installation, bool is_forced, struct strbuf *said,
			    struct error *error)
{
	CLEANUP_STRBUF struct strbuf why = STRBUF_INIT(WHY_MAX_BYTES);

	if (manifest_read(&installation->manifest, &installation->state.directory, error) < 0)
		return -1;
	if (installation->manifest.lines.count == 0) {
		strbuf_puts(said, NOTHING);
		return clear(installation, error);
	}
	if (!is_forced) {
		int kept = is_kept(installation, said, error);

		if (kept != 0)
			return kept;
	}
	if (take_back(installation, &why, error) < 0)
		return -1;
	say_removed(installation, &why, said);
	return why.length ? 1 : 0;
}

static bool is_there(const struct root *root)
{
	struct stat status;

	return root_lstat(root, INSTALL_STATE, &status) == 0 ||
	       root_lstat(root, INSTALL_JOURNAL, &status) == 0;
}

int uninstall(struct installation *installation, bool is_forced, struct strbuf *said,
	      struct error *error)
{
	const struct root *root = &installation->context->root;
	int result;

	install_home_clear(root);
	if (!is_there(root)) {
		strbuf_puts(said, NOTHING);
		return 0;
	}
	result = install_state_open(&installation->state, root, error);
	if (result == 0)
		result = install_state_lock(&installation->state, installation->end_us, error);
	if (result == 0)
		result = uninstall_locked(installation, is_forced, said, error);
	manifest_release(&installation->manifest);
	install_state_close(&installation->state);
	return result;
}
