/* SPDX-License-Identifier: Zlib */
/* Flavour and version from a store path's name. */
#include "agent/nix_profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/narinfo.h"
#include "agent/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *const nix_flavours[] = {
	NIX_FLAVOUR_DETERMINATE,
	NIX_FLAVOUR_UPSTREAM,
	NIX_FLAVOUR_LIX,
	NIX_FLAVOUR_DISTRIBUTION,
	NULL,
};

/* Package names as their makers write them (pname). */
static const struct {
	const char *package, *flavour;
} packages[] = {
	{"determinate-nix", NIX_FLAVOUR_DETERMINATE},
	{"nix", NIX_FLAVOUR_UPSTREAM},
	{"nix-everything", NIX_FLAVOUR_UPSTREAM},
	{"nix-cli", NIX_FLAVOUR_UPSTREAM},
	{"lix", NIX_FLAVOUR_LIX},
};

/* Where a package's version begins, by Nix's own rule: behind the first dash that no letter
 * follows. NULL when there is none. */
static const char *version_in(const char *name)
{
	for (const char *dash = strchr(name, '-'); dash; dash = strchr(dash + 1, '-'))
		if (dash[1] >= '0' && dash[1] <= '9')
			return dash + 1;
	return NULL;
}

static const char *flavour_of(const char *package, size_t length)
{
	for (size_t i = 0; i < COUNT(packages); i++)
		if (strlen(packages[i].package) == length &&
		    memcmp(packages[i].package, package, length) == 0)
			return packages[i].flavour;
	return NIX_FLAVOUR_UNKNOWN;
}

/* A system's name may follow behind a dash: "2.18.1-x86_64-unknown-linux-musl". */
static void copy_version(char ret[64], const char *version)
{
	(void)snprintf(ret, 64, "%.*s", (int)strcspn(version, "-"), version);
}

static void read_name(const char *name, struct nix_profile *ret)
{
	const char *version = version_in(name);
	size_t length = version ? (size_t)(version - name) - 1 : strlen(name);

	ret->flavour = flavour_of(name, length);
	if (version && strcmp(ret->flavour, NIX_FLAVOUR_DETERMINATE) == 0)
		copy_version(ret->determinate, version);
	else if (version && strcmp(ret->flavour, NIX_FLAVOUR_UNKNOWN) != 0)
		copy_version(ret->version, version);
}

void nix_profile_of(const char *program, struct nix_profile *ret)
{
	*ret = (struct nix_profile){
		.flavour = NIX_FLAVOUR_UNKNOWN,
		.store_path = nix_store_path_of(program),
	};
	if (ret->store_path)
		read_name(ret->store_path + strlen(NIX_STORE_DIRECTORY "/") + NIX_HASH_PART_LENGTH +
				  1,
			  ret);
	else if (text_starts_with(program, "/usr/") || text_starts_with(program, "/bin/"))
		ret->flavour = NIX_FLAVOUR_DISTRIBUTION;
}

void nix_profile_release(struct nix_profile *profile)
{
	free(profile->store_path);
	profile->store_path = NULL;
}
