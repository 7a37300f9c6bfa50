/* SPDX-License-Identifier: Zlib */
/* From the staging directory into the store. */
#include "agent/install_archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/install_profile.h"
#include "agent/install_program.h"
#include "agent/install_run.h"
#include "agent/install_source.h"
#include "agent/install_store.h"
#include "agent/install_verify.h"
#include "agent/mem.h"
#include "agent/nar.h"
#include "agent/narinfo.h"
#include "agent/nix_profile.h"
#include "agent/nix_tree.h"
#include "agent/record.h"
#include "agent/registration.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/tree.h"
#include "agent/words.h"

#define REGISTRATION "registration"
#define STORE "store"

struct placement {
	struct installation *installation;
	const struct install_source *source;
	struct registration registration;
	int staged; /* the directory store of the staging directory */
	int store;  /* /nix/store */
};

static const char *base_name(const char *store_path)
{
	return store_path + strlen(NIX_STORE_DIRECTORY "/");
}

/* ---- what came */

static int read_registration(struct placement *placement, struct error *error)
{
	CLEANUP_CLOSE int fd = openat(placement->installation->staging, REGISTRATION,
				      O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(REGISTRATION_MAX_BYTES);

	if (fd < 0 || root_read_open(fd, &text) < 0)
		return error_set(error, ERROR_AGENT, "the archive's registration: %s",
				 strerror(errno));
	return registration_parse(text.data, text.length, "the archive's registration",
				  &placement->registration, error);
}

/* What is registered must have come, and nothing else may lie in the store. */
static int compare_staged(const struct placement *placement, struct error *error)
{
	const struct registration *registration = &placement->registration;
	CLEANUP_WORDS struct words staged = {0};

	if (install_store_list(placement->installation->staging, &staged, error) < 0)
		return -1;
	for (size_t i = 0; i < staged.count; i++)
		if (!registration_find(registration, staged.items[i]))
			return error_set(error, ERROR_AGENT,
					 "the archive holds %s, which it does not register",
					 staged.items[i]);
	if (staged.count != registration->count)
		return error_set(error, ERROR_AGENT,
				 "the archive registers %zu store paths and holds %zu",
				 registration->count, staged.count);
	return 0;
}

/* ---- into the store */

/* Whether what lies at DIRECTORY/NAME has the hash that it is registered with. */
static int check_hash(int directory, const struct registered_path *path, struct error *error)
{
	struct nar_digest digest;

	if (nar_hash(directory, base_name(path->path), &digest, error) < 0)
		return error_prefix(error, "%s", path->path);
	if (digest.size == path->nar_size &&
	    memcmp(digest.sha256, path->nar_hash, sizeof(digest.sha256)) == 0)
		return 0;
	return error_set(error, ERROR_AGENT, "%s has another content than it is registered with",
			 path->path);
}

static int move(const struct placement *placement, const char *name, struct error *error)
{
	if (renameat(placement->staged, name, placement->store, name) == 0)
		return 0;
	return error_set(error, ERROR_AGENT, NIX_STORE_DIRECTORY "/%s: %s", name, strerror(errno));
}

/* What was there is kept only where it is what it should be: an interrupted copy, or somebody's change,
 * is replaced. */
static int place_path(const struct placement *placement, const struct registered_path *path,
		      struct error *error)
{
	const char *name = base_name(path->path);
	struct error difference = {0};
	struct stat status;

	if (placement->installation->is_store_verified &&
	    check_hash(placement->staged, path, error) < 0)
		return -1;
	if (fstatat(placement->store, name, &status, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return move(placement, name, error);
	if (check_hash(placement->store, path, &difference) == 0)
		return 0;
	if (tree_remove(placement->store, name, error) < 0)
		return -1;
	return move(placement, name, error);
}

/* What this installation brings is written down before it comes to its place: whoever uninstalls after
 * a kill finds it there. */
static int announce(struct placement *placement, struct error *error)
{
	struct installation *installation = placement->installation;
	struct stat status;

	manifest_add(&installation->manifest, MANIFEST_SOURCE, placement->source->name);
	for (size_t i = 0; i < placement->registration.count; i++) {
		const char *path = placement->registration.paths[i].path;

		if (fstatat(placement->store, base_name(path), &status, AT_SYMLINK_NOFOLLOW) < 0)
			manifest_add(&installation->manifest, MANIFEST_PATH, path);
	}
	return manifest_write(&installation->manifest, &installation->state.directory, error);
}

/* ---- the database */

/* Loads what was checked, in our own words: by the store's own nix-store, which knows its database. */
static int load_database(const struct placement *placement, const char *nix, struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(REGISTRATION_MAX_BYTES);
	CLEANUP_FREE char *program = mem_format("%s/bin/nix-store", nix);
	CLEANUP_CLOSE int file = memfd_create(REGISTRATION, MFD_CLOEXEC);
	const char *const arguments[] = {program, "--load-db", NULL};

	registration_print(&placement->registration, &text);
	if (text.is_truncated)
		return error_set(error, ERROR_AGENT, "the registration is too long");
	if (file < 0 || write(file, text.data, text.length) != (ssize_t)text.length ||
	    lseek(file, 0, SEEK_SET) < 0)
		return error_set(error, ERROR_AGENT, "the registration cannot be handed over: %s",
				 strerror(errno));
	return install_run(placement->installation, arguments, file, error);
}

/* ---- which Nix it is */

static bool has_program(const struct placement *placement, const char *store_path, const char *name)
{
	CLEANUP_FREE char *path = mem_format("%s/bin/%s", base_name(store_path), name);
	struct stat status;

	return fstatat(placement->staged, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ||
	       fstatat(placement->store, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool is_promised(const struct install_source *source, const char *program)
{
	struct nix_profile profile = {0};
	bool is_it;

	nix_profile_of(program, &profile);
	is_it = strcmp(profile.flavour, source->flavour) == 0 &&
		(strcmp(profile.version, source->version) == 0 ||
		 strcmp(profile.determinate, source->version) == 0);
	nix_profile_release(&profile);
	return is_it;
}

/* The registered path of the Nix that the contract names, or NULL. */
static const char *find_nix(const struct placement *placement)
{
	for (size_t i = 0; i < placement->registration.count; i++) {
		const char *path = placement->registration.paths[i].path;
		CLEANUP_FREE char *program = mem_format("%s/bin/nix", path);

		if (is_promised(placement->source, program) &&
		    has_program(placement, path, "nix-store"))
			return path;
	}
	return NULL;
}

static int place(struct placement *placement, struct error *error)
{
	struct installation *installation = placement->installation;
	const char *nix;

	if (read_registration(placement, error) < 0 || compare_staged(placement, error) < 0)
		return -1;
	nix = find_nix(placement);
	if (!nix)
		return error_set(error, ERROR_AGENT,
				 "the archive holds no Nix %s of the flavour %s",
				 placement->source->version, placement->source->flavour);
	if (announce(placement, error) < 0)
		return -1;
	for (size_t i = 0; i < placement->registration.count; i++)
		if (place_path(placement, &placement->registration.paths[i], error) < 0)
			return -1;
	if (load_database(placement, nix, error) < 0 ||
	    install_verify_keep(installation, &placement->registration, error) < 0 ||
	    install_profile(installation, &placement->registration, nix, error) < 0)
		return -1;
	if (install_program(installation, "determinate-nixd", error) < 0)
		return -1;
	if (installation->is_store_verified)
		channel_finding(
			installation->channel, FINDING_NIX_STORE_VERIFIED, NIX_STORE_DIRECTORY,
			NULL,
			"%zu store paths were held against their hashes before they came to "
			"their place",
			placement->registration.count);
	return 0;
}

static void placement_release(struct placement *placement)
{
	registration_release(&placement->registration);
	if (placement->staged >= 0)
		close(placement->staged);
	if (placement->store >= 0)
		close(placement->store);
}

int install_archive_place(struct installation *installation, const struct install_source *source,
			  struct error *error)
{
	CLEANUP(placement_release)
	struct placement placement = {
		.installation = installation,
		.source = source,
		.staged = openat(installation->staging, STORE,
				 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		.store = nix_tree_open(installation->state.nix, STORE, error),
	};

	if (placement.staged < 0)
		return error_set(error, ERROR_AGENT, "the archive brought no store: %s",
				 strerror(errno));
	return placement.store < 0 ? -1 : place(&placement, error);
}
