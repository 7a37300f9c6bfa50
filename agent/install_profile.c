/* SPDX-License-Identifier: Zlib */
/* The default profile. */
#include "agent/install_profile.h"
#include "agent/install_run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/mem.h"
#include "agent/nix_tree.h"
#include "agent/registration.h"
#include "agent/root.h"
#include "agent/symlink.h"
#include "agent/text.h"
#include "agent/words.h"

#define PROFILES NIX_TREE_STATE "/profiles"
#define DEFAULT "default"
#define GENERATION "default-%u-link"
#define MAX_GENERATION 1000000u

/* The number of a generation's link, 0 for other names. */
static unsigned int generation_of(const char *name)
{
	unsigned int number;
	int end = 0;

	if (sscanf(name, GENERATION "%n", &number, &end) != 1 || name[end] || end == 0 ||
	    number > MAX_GENERATION)
		return 0;
	return number;
}

static bool has_nix(const struct root *root, const char *generation)
{
	CLEANUP_FREE char *path = mem_format("/nix/" PROFILES "/%s/bin/nix", generation);
	struct stat status;

	return root_stat(root, path, &status) == 0 && S_ISREG(status.st_mode);
}

/* The newest generation; with IS_WORKING the newest that has a nix. 0: none. */
static unsigned int newest_generation(const struct root *root, int profiles, bool is_working)
{
	DIR *directory = fdopendir(fcntl(profiles, F_DUPFD_CLOEXEC, 0));
	unsigned int newest = 0;
	struct dirent *entry;

	if (!directory)
		return 0;
	rewinddir(directory);
	while ((entry = readdir(directory))) {
		unsigned int number = generation_of(entry->d_name);

		if (number > newest && (!is_working || has_nix(root, entry->d_name)))
			newest = number;
	}
	(void)closedir(directory);
	return newest;
}

static int lead_to(int profiles, unsigned int generation, struct error *error)
{
	CLEANUP_FREE char *name = mem_format(GENERATION, generation);

	if (symlink_replace(profiles, DEFAULT, name) == 0)
		return 0;
	return error_set(error, ERROR_AGENT, "/nix/" PROFILES "/" DEFAULT ": %s", strerror(errno));
}

static bool leads_to(int directory, const char *name, const char *target)
{
	char found[PATH_MAX];
	ssize_t length = readlinkat(directory, name, found, sizeof(found) - 1);

	if (length < 0)
		return false;
	found[length] = '\0';
	return strcmp(found, target) == 0;
}

/* A killed installation may have made the generation already. */
static int add_generation(const struct root *root, int profiles, const char *environment,
			  struct error *error)
{
	unsigned int newest = newest_generation(root, profiles, false);
	CLEANUP_FREE char *last = mem_format(GENERATION, newest);
	CLEANUP_FREE char *next = mem_format(GENERATION, newest + 1);

	if (newest > 0 && leads_to(profiles, last, environment))
		return lead_to(profiles, newest, error);
	if (symlinkat(environment, profiles, next) < 0)
		return error_set(error, ERROR_AGENT, "/nix/" PROFILES "/%s: %s", next,
				 strerror(errno));
	return lead_to(profiles, newest + 1, error);
}

/* ---- a user environment where the closure has none */

static const char *find_environment(const struct root *root,
				    const struct registration *registration)
{
	for (size_t i = 0; i < registration->count; i++) {
		const char *path = registration->paths[i].path;
		CLEANUP_FREE char *program = mem_format("%s/bin/nix", path);
		struct stat status;

		if (text_ends_with(path, "-user-environment") &&
		    root_lstat(root, program, &status) == 0)
			return path;
	}
	return NULL;
}

static bool is_certificates(const char *path)
{
	return path && strstr(path, "-nss-cacert-") != NULL;
}

static int build_environment(const struct installation *installation,
			     const struct registration *registration, const char *nix,
			     struct error *error)
{
	CLEANUP_FREE char *program = mem_format("%s/bin/nix-env", nix);
	CLEANUP_WORDS struct words arguments = {0};

	words_add(&arguments, program);
	words_split(&arguments, "--option substitute false --profile /nix/" PROFILES "/" DEFAULT,
		    " ");
	words_add(&arguments, "--install");
	words_add(&arguments, nix);
	for (size_t i = 0; i < registration->count; i++)
		if (is_certificates(registration->paths[i].path))
			words_add(&arguments, registration->paths[i].path);
	words_end(&arguments);
	return install_run(installation, (const char *const *)arguments.items, 0, error);
}

int install_profile(const struct installation *installation,
		    const struct registration *registration, const char *nix, struct error *error)
{
	const struct root *root = &installation->context->root;
	CLEANUP_CLOSE int profiles = nix_tree_open(installation->state.nix, PROFILES, error);
	const char *environment = find_environment(root, registration);

	if (profiles < 0)
		return -1;
	if (!environment)
		return build_environment(installation, registration, nix, error);
	return add_generation(root, profiles, environment, error);
}

int install_profile_mend(const struct installation *installation, struct error *error)
{
	CLEANUP_CLOSE int profiles = nix_tree_open(installation->state.nix, PROFILES, error);
	unsigned int generation;

	if (profiles < 0)
		return -1;
	generation = newest_generation(&installation->context->root, profiles, true);
	if (generation == 0)
		return 0;
	return lead_to(profiles, generation, error) < 0 ? -1 : 1;
}
