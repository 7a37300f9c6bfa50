/* SPDX-License-Identifier: Zlib */
/* Nix on PATH without GITHUB_PATH: symlinks to the profile's programs. */
#include "agent/nix_links.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/environment.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/symlink.h"
#include "agent/text.h"
#include "agent/words.h"

/* What a Nix profile has; the links lead through the profile, so that an upgrade moves them all. */
static const char *const programs[] = {
	"nix",        "nix-build", "nix-channel",      "nix-collect-garbage", "nix-copy-closure",
	"nix-daemon", "nix-env",   "nix-hash",         "nix-instantiate",     "nix-prefetch-url",
	"nix-shell",  "nix-store", "determinate-nixd",
};

static bool is_program(const struct root *root, const char *directory, const char *name)
{
	CLEANUP_FREE char *path = mem_format("%s/%s", directory, name);
	struct stat status;

	return root_stat(root, path, &status) == 0 && S_ISREG(status.st_mode) &&
	       (status.st_mode & 0111) != 0;
}

static bool finds_nix(const struct root *root, const struct words *directories)
{
	for (size_t i = 0; i < directories->count; i++)
		if (directories->items[i][0] == '/' &&
		    is_program(root, directories->items[i], "nix"))
			return true;
	return false;
}

/* ---- one name of the directory */

enum place {
	PLACE_FREE,    /* nothing of that name is there */
	PLACE_DONE,    /* our link already */
	PLACE_LINK,    /* another link into /nix: it may be replaced */
	PLACE_OTHERS,  /* a file, or a link elsewhere */
	PLACE_UNKNOWN, /* errno says why */
};

static enum place look_at(int directory, const char *name, const char *target)
{
	char found[PATH_MAX];
	ssize_t length = readlinkat(directory, name, found, sizeof(found) - 1);

	if (length < 0)
		return errno == ENOENT   ? PLACE_FREE
		       : errno == EINVAL ? PLACE_OTHERS
					 : PLACE_UNKNOWN;
	found[length] = '\0';
	if (strcmp(found, target) == 0)
		return PLACE_DONE;
	return text_starts_with(found, "/nix/") ? PLACE_LINK : PLACE_OTHERS;
}

/* A name that is free is taken without a rename: what somebody puts there meanwhile stays. */
static int link_one(int directory, const char *name, const char *target)
{
	switch (look_at(directory, name, target)) {
	case PLACE_DONE:
	case PLACE_OTHERS:
		return 0;
	case PLACE_FREE:
		return symlinkat(target, directory, name) < 0 && errno != EEXIST ? -1 : 0;
	case PLACE_LINK:
		return symlink_replace(directory, name, target);
	case PLACE_UNKNOWN:
		break;
	}
	return -1;
}

int nix_links_make(const struct root *root, const char *bin, struct error *error)
{
	CLEANUP_CLOSE int directory =
		root_open(root, NIX_LINKS_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);

	if (directory < 0)
		return error_set(error, ERROR_AGENT, NIX_LINKS_DIRECTORY " cannot be opened: %s",
				 strerror(errno));
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		CLEANUP_FREE char *target = mem_format("%s/%s", bin, programs[i]);

		if (is_program(root, bin, programs[i]) &&
		    link_one(directory, programs[i], target) < 0)
			return error_set(error, ERROR_AGENT,
					 NIX_LINKS_DIRECTORY "/%s cannot be linked: %s; the steps "
							     "will not find all of Nix",
					 programs[i], strerror(errno));
	}
	return 0;
}

void nix_links_remove(const struct root *root, const char *bin)
{
	CLEANUP_CLOSE int directory =
		root_open(root, NIX_LINKS_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		CLEANUP_FREE char *target = mem_format("%s/%s", bin, programs[i]);

		if (look_at(directory, programs[i], target) == PLACE_DONE)
			(void)unlinkat(directory, programs[i], 0);
	}
}

/* ---- whether it can be done */

/* Why the links cannot be made, or NULL. */
static const char *obstacle(const struct root *root, const char *bin,
			    const struct words *directories)
{
	CLEANUP_FREE char *target = mem_format("%s/nix", bin);
	CLEANUP_CLOSE int directory =
		root_open(root, NIX_LINKS_DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
	enum place place;

	if (!words_contain(directories, NIX_LINKS_DIRECTORY))
		return NIX_LINKS_DIRECTORY " is not on PATH";
	if (directory < 0 || faccessat(directory, ".", W_OK | X_OK, 0) < 0)
		return errno == EROFS    ? NIX_LINKS_DIRECTORY " is on a read-only file system"
		       : errno == ENOENT ? "there is no " NIX_LINKS_DIRECTORY
					 : NIX_LINKS_DIRECTORY " is not writable for this user";
	place = look_at(directory, "nix", target);
	if (place == PLACE_OTHERS || place == PLACE_UNKNOWN)
		return NIX_LINKS_DIRECTORY "/nix is there already, and is no link into /nix";
	return NULL;
}

/* The directory comes from a probe's process: it is checked like every value that is written. */
static bool is_plain_directory(const char *path)
{
	return path && path[0] == '/' && path[strcspn(path, ":\r\n")] == '\0' &&
	       strlen(path) < PATH_MAX - NAME_MAX;
}

void nix_links_compose(struct environment *environment, const struct job *job,
		       const struct facts *facts, struct findings *findings)
{
	const struct context *context = &job->context;
	const char *bin = facts_string(facts, FACT_NIX_PROFILE_BIN);
	const char *path = context_env(context, "PATH");
	CLEANUP_WORDS struct words directories = {0};
	const char *problem;

	if (context->surface != SURFACE_HOOK || context->is_kube_container_mode ||
	    !is_plain_directory(bin))
		return;
	words_split(&directories, path ? path : "", ":");
	if (finds_nix(&context->root, &directories))
		return;
	problem = obstacle(&context->root, bin, &directories);
	if (problem)
		findings_note(findings, FINDING_NIX_NOT_LINKED, bin,
			      "the steps will not find Nix on PATH: %s", problem);
	else
		environment->linked_bin = mem_strdup(bin);
}
