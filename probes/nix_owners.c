/* SPDX-License-Identifier: Zlib */
/* Whose Nix it is: /nix may once have been open to everybody (an emptyDir volume is), so that what lies
 * there, and is run by the next steps, may be anybody's. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/nix.h"

#define NIX "/nix"

struct walk {
	struct nix_evidence *evidence;
	uid_t user; /* whose the machine may be, beside root: this user; of a fake one, its maker */
	bool is_whole_way;
};

static uid_t user_of(const struct root *root)
{
	struct stat status;

	return root->is_confined && fstat(root->fd, &status) == 0 ? status.st_uid : geteuid();
}

/* What is another user's, or root's and open to others. Root's group and this user's own are no others
 * (a container's user of any number is in root's), and in a sticky directory nobody replaces what
 * belongs to root, as in the store, which is open to its builders. A store of this user's own is open
 * to whom he likes. */
static bool is_foreign(const struct walk *walk, const char *path, const struct stat *status)
{
	bool is_group_ours = status->st_gid == 0 || status->st_gid == getegid();

	if (status->st_uid != 0)
		return status->st_uid != walk->user;
	if (S_ISLNK(status->st_mode) || (S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX)) ||
	    strcmp(path, NIX) == 0) /* whose mode is the system probe's to judge */
		return false;
	return status->st_mode & (S_IWOTH | (is_group_ours ? 0 : S_IWGRP));
}

static int look_at(const char *path, const struct stat *status, void *data)
{
	struct walk *walk = data;
	bool is_within = strcmp(path, NIX) == 0 || text_starts_with(path, NIX "/");

	/* What a path of /nix leads to elsewhere counts as well, but a home directory is its user's. */
	if (!is_within && (strcmp(path, "/") == 0 || !walk->is_whole_way))
		return 0;
	if (!is_foreign(walk, path, status))
		return 0;
	walk->evidence->foreign = mem_strdup(path);
	walk->evidence->foreign_owner = status->st_uid;
	walk->evidence->foreign_mode = status->st_mode & 07777;
	errno = EPERM;
	return -1;
}

void nix_collect_owners(struct nix_evidence *evidence, const struct root *root)
{
	const char *const ways[] = {
		NIX "/store",
		NIX "/var/nix/profiles",
		NIX "/var/nix/daemon-socket",
		evidence->program,
	};
	struct walk walk = {.evidence = evidence, .user = user_of(root)};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		CLEANUP_STRBUF struct strbuf end = STRBUF_INIT(PATH_MAX);

		if (!ways[i] || evidence->foreign)
			continue;
		walk.is_whole_way = text_starts_with(ways[i], NIX "/");
		(void)root_walk(root, ways[i], look_at, &walk, &end); /* it may be missing */
	}
}
