/* SPDX-License-Identifier: Zlib */
/* The nix probe's first half: what is there, which store a nix command would open, and what the
 * daemon says. No process is started. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/ca_search.h"
#include "agent/cleanup.h"
#include "agent/install_state.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/nix_receipt.h"
#include "agent/record.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/nix.h"

#define STATE_DIRECTORY "/nix/var/nix"
#define DATABASE STATE_DIRECTORY "/db/db.sqlite"
#define SQLITE_MAGIC "SQLite format 3" /* with its NUL the first 16 bytes */
#define MAX_LINKS 8u
#define HANDSHAKE_MS 1500u /* leaves time within the task's deadline to say so */

/* ---- the program */

static bool is_directory(const struct root *root, const char *path)
{
	struct stat status;

	return root_stat(root, path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool is_program(const struct root *root, const char *path)
{
	struct stat status;

	return root_stat(root, path, &status) == 0 && S_ISREG(status.st_mode) &&
	       (status.st_mode & 0111) != 0;
}

/* Where the link at PATH leads in one step, as an absolute path; the caller frees. NULL: no link. */
static char *step(const struct root *root, const char *path)
{
	char target[PATH_MAX];

	if (root_readlink(root, path, target, sizeof(target)) < 0)
		return NULL;
	if (target[0] == '/')
		return mem_strdup(target);
	return mem_format("%.*s/%s", (int)(strrchr(path, '/') - path), path, target);
}

/* Remembers the first link that leads to nothing, and the end of the chain that it begins. */
static void note_dangling(struct nix_evidence *evidence, const struct root *root, const char *path)
{
	CLEANUP_FREE char *end = NULL;
	struct stat status;

	if (evidence->dangling || root_stat(root, path, &status) == 0 || errno != ENOENT)
		return;
	end = step(root, path);
	if (!end)
		return;
	for (unsigned int i = 0; i < MAX_LINKS; i++) {
		char *next = step(root, end);

		if (!next)
			break;
		free(end);
		end = next;
	}
	evidence->dangling = mem_strdup(path);
	evidence->dangling_target = TAKE(end);
}

/* DIRECTORY is where programs are; PROFILE, or NULL, is the link that leads to it. */
static void look_into(struct nix_evidence *evidence, const struct root *root, const char *directory,
		      const char *profile)
{
	CLEANUP_FREE char *path = mem_format("%s/nix", directory);

	if (evidence->program || directory[0] != '/')
		return;
	if (is_program(root, path)) {
		evidence->program = TAKE(path);
		return;
	}
	if (profile)
		note_dangling(evidence, root, profile);
	note_dangling(evidence, root, path);
}

static bool is_in_directories(const char *program, const struct words *directories)
{
	CLEANUP_FREE char *own = mem_strndup(program, (size_t)(strrchr(program, '/') - program));

	return words_contain(directories, own);
}

static void find_program(struct nix_evidence *evidence, const struct context *context)
{
	const char *home = context->nix_home ? context->nix_home : "";
	CLEANUP_FREE char *own_profile = mem_format("%s/.nix-profile", home);
	CLEANUP_FREE char *own = mem_format("%s/bin", own_profile);
	const struct {
		const char *directory, *profile;
	} places[] = {
		{STATE_DIRECTORY "/profiles/default/bin", STATE_DIRECTORY "/profiles/default"},
		{own, own_profile},
		{"/usr/local/bin", NULL},
		{"/run/current-system/sw/bin", NULL},
		{"/usr/bin", NULL},
		{"/bin", NULL},
	};
	const char *path = context_env(context, "PATH");
	CLEANUP_WORDS struct words directories = {0};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		look_into(evidence, &context->root, places[i].directory, places[i].profile);
	words_split(&directories, path ? path : "", ":");
	for (size_t i = 0; i < directories.count; i++)
		look_into(evidence, &context->root, directories.items[i], NULL);
	evidence->will_be_found =
		context_hands_over(context) ||
		(evidence->program && is_in_directories(evidence->program, &directories));
}

static void identify(struct nix_evidence *evidence, const struct context *context)
{
	CLEANUP_STRBUF struct strbuf resolved = STRBUF_INIT(PATH_MAX);

	if (evidence->program && root_resolve(&context->root, evidence->program, &resolved) == 0)
		nix_profile_of(resolved.data, &evidence->profile);
	else
		evidence->profile.flavour = NIX_FLAVOUR_UNKNOWN;
}

static void look_for_traces(struct nix_evidence *evidence, const struct root *root)
{
	struct stat journal;

	evidence->is_interrupted = root_lstat(root, INSTALL_JOURNAL, &journal) == 0;
	if (evidence->is_interrupted)
		evidence->journal_age_s = (int64_t)time(NULL) - (int64_t)journal.st_mtim.tv_sec;
	evidence->has_partial_receipt = nix_receipt_read(root) == NIX_RECEIPT_PARTIAL;
	evidence->has_determinate_nixd =
		is_program(root, "/usr/local/bin/determinate-nixd") ||
		is_program(root, STATE_DIRECTORY "/profiles/default/bin/determinate-nixd");
}

/* ---- the store */

static bool has_database(const struct root *root)
{
	CLEANUP_CLOSE int fd = root_open(root, DATABASE, O_RDONLY | O_NONBLOCK, 0);
	char start[sizeof(SQLITE_MAGIC)];

	return fd >= 0 && read(fd, start, sizeof(start)) == (ssize_t)sizeof(start) &&
	       memcmp(start, SQLITE_MAGIC, sizeof(start)) == 0;
}

static void look_at_store(struct nix_evidence *evidence, const struct context *context)
{
	const struct root *root = &context->root;
	CLEANUP_CLOSE int state = root_open(root, STATE_DIRECTORY, O_PATH | O_DIRECTORY, 0);

	evidence->has_nix_directory = is_directory(root, "/nix");
	evidence->has_state_directory = state >= 0;
	evidence->is_state_writable = state >= 0 && faccessat(state, ".", R_OK | W_OK, 0) == 0;
	evidence->has_database = has_database(root);
}

/* A NIX_REMOTE or setting "store": "daemon", "local", "unix://…", or what is not known here. */
static enum nix_route named_route(struct nix_evidence *evidence)
{
	const char *store = evidence->store_setting;

	if (strcmp(store, "daemon") == 0 || strcmp(store, "unix://") == 0)
		return NIX_ROUTE_DAEMON;
	if (strcmp(store, "local") == 0)
		return NIX_ROUTE_LOCAL;
	if (!text_starts_with(store, "unix:///") || strchr(store, '?'))
		return NIX_ROUTE_OTHER;
	free(evidence->socket);
	evidence->socket = mem_strdup(store + strlen("unix://"));
	return NIX_ROUTE_DAEMON;
}

static enum nix_route automatic_route(const struct nix_evidence *evidence, bool has_socket)
{
	if (evidence->is_state_writable)
		return NIX_ROUTE_LOCAL;
	if (has_socket)
		return NIX_ROUTE_DAEMON;
	if (!evidence->has_state_directory && !evidence->is_root)
		return NIX_ROUTE_CHROOT;
	/* Nix would open the store and fail at its lock; what is missing is the daemon. */
	return NIX_ROUTE_DAEMON;
}

static void choose_route(struct nix_evidence *evidence, const struct context *context)
{
	const char *setting = nix_conf_value(&evidence->conf, "store", NIX_CONF_ENVIRONMENT, NULL);
	const char *remote = context_env(context, "NIX_REMOTE");
	const char *store = setting ? setting : remote;
	const char *socket = context_env(context, "NIX_DAEMON_SOCKET_PATH");
	struct stat status;

	evidence->socket = mem_strdup(socket ? socket : NIX_DAEMON_SOCKET);
	evidence->store_source = setting ? "the setting store" : "NIX_REMOTE";
	if (store && *store && strcmp(store, "auto") != 0) {
		evidence->store_setting = mem_strdup(store);
		evidence->route = named_route(evidence);
		return;
	}
	evidence->route = automatic_route(
		evidence, root_stat(&context->root, evidence->socket, &status) == 0);
}

/* ---- the daemon */

static void ask_daemon(struct nix_evidence *evidence, const struct root *root,
		       struct channel *channel)
{
	const char *store_path = evidence->profile.store_path;
	CLEANUP_CLOSE int fd = -1;

	evidence->was_asked = true;
	channel_phase(channel, "connect to the daemon");
	fd = nix_daemon_connect(root, evidence->socket);
	if (fd < 0) {
		evidence->connect_errno = errno;
		return;
	}
	evidence->is_daemon_foreign = !nix_daemon_is_trusted_peer(fd, &evidence->daemon_uid);
	if (evidence->is_daemon_foreign)
		return;
	channel_phase(channel, "daemon's handshake");
	if (nix_daemon_handshake(&evidence->daemon, fd, NIX_PROTOCOL_OURS, HANDSHAKE_MS) ==
		    NIX_DAEMON_OK &&
	    store_path) {
		channel_phase(channel, "ask the daemon about its profile");
		evidence->path_validity = nix_daemon_is_valid_path(&evidence->daemon, store_path);
		if (evidence->path_validity >= 0)
			evidence->daemon.outcome = NIX_DAEMON_OK;
	}
	evidence->daemon.fd = -1;
}

/* ---- files that the configuration names */

static int read_errno(const struct root *root, const char *path)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	return fd < 0 ? errno : 0;
}

static void look_at_netrc(struct nix_evidence *evidence, const struct context *context)
{
	const char *directory = context_env(context, "NIX_CONF_DIR");
	CLEANUP_FREE char *usual = mem_format("%s/netrc", directory ? directory : "/etc/nix");
	const char *set =
		nix_conf_value(&evidence->conf, "netrc-file", NIX_CONF_ENVIRONMENT, usual);

	evidence->netrc = mem_strdup(set);
	evidence->netrc_errno = set[0] == '/' ? read_errno(&context->root, set) : ENOENT;
}

/* Nix's own order: its variable, OpenSSL's, the distributions' places, the profile's. */
static void find_ca(struct nix_evidence *evidence, const struct context *context)
{
	const char *named = context_env(context, "NIX_SSL_CERT_FILE");
	const char *other = context_env(context, "SSL_CERT_FILE");
	const char *found;

	if (named && (named[0] != '/' || read_errno(&context->root, named) != 0))
		evidence->ca_missing = mem_strdup(named);
	evidence->has_ca = named && !evidence->ca_missing;
	if (evidence->has_ca)
		return;
	if (other && other[0] == '/' && read_errno(&context->root, other) == 0)
		evidence->ca_bundle = mem_strdup(other);
	found = evidence->ca_bundle ? NULL : ca_bundle_find(&context->root);
	if (found)
		evidence->ca_bundle = mem_strdup(found);
	evidence->has_ca = evidence->ca_bundle != NULL;
}

/* ---- */

void nix_collect(struct nix_evidence *ret, const struct job *job, struct channel *channel)
{
	const struct context *context = &job->context;
	const struct nix_conf_reader reader = nix_conf_reader_of(&context->root);
	struct stat status;

	*ret = (struct nix_evidence){
		.is_root = context->uid == 0,
		.user = context->user_name,
		.home = context->home,
		.is_at_home = context->nix_home != NULL,
		.path_validity = -2,
		.wanted_key = job->endpoints.attic.public_key,
	};
	channel_phase(channel, "look for nix");
	look_at_store(ret, context);
	find_program(ret, context);
	identify(ret, context);
	nix_collect_owners(ret, &context->root);
	look_for_traces(ret, &context->root);
	channel_phase(channel, "read the configuration");
	nix_conf_read(&ret->conf, &reader, context);
	ret->is_build_group_set = nix_conf_find(&ret->conf, "build-users-group", NIX_CONF_SYSTEM,
						NIX_CONF_SYSTEM) != NULL;
	choose_route(ret, context);
	look_at_netrc(ret, context);
	find_ca(ret, context);
	ret->has_kvm =
		root_stat(&context->root, "/dev/kvm", &status) == 0 && S_ISCHR(status.st_mode);
	/* Root that would bypass a daemon is told so: hence it is asked on that route too. */
	if (ret->program && ret->route != NIX_ROUTE_CHROOT && ret->route != NIX_ROUTE_OTHER &&
	    (ret->route == NIX_ROUTE_DAEMON ||
	     root_stat(&context->root, ret->socket, &status) == 0))
		ask_daemon(ret, &context->root, channel);
	nix_collect_users(ret, context);
}

void nix_evidence_release(struct nix_evidence *evidence)
{
	free(evidence->program);
	free(evidence->dangling);
	free(evidence->dangling_target);
	free(evidence->foreign);
	free(evidence->store_setting);
	free(evidence->socket);
	free(evidence->builders_name);
	free(evidence->netrc);
	free(evidence->ca_bundle);
	free(evidence->ca_missing);
	nix_profile_release(&evidence->profile);
	nix_conf_release(&evidence->conf);
	words_release(&evidence->groups);
	*evidence = (struct nix_evidence){0};
}
