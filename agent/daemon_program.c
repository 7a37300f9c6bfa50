/* SPDX-License-Identifier: Zlib */
/* The daemon's program, its environment and its socket's directory. */
#include "agent/daemon_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ca_search.h"
#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/nix_daemon.h"
#include "agent/nix_profile.h"
#include "agent/root.h"
#include "agent/trusted_path.h"

#define DIRECTORY_MODE 0755
#define MAX_VALUE_BYTES 4096u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Where systemd itself looks (systemd.unit(5)). */
static const char *const unit_directories[] = {
	"/etc/systemd/system",     "/run/systemd/system", "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system", "/lib/systemd/system", NULL,
};

const struct daemon_places daemon_places = {
	.socket = NIX_DAEMON_SOCKET,
	.determinate = "/usr/local/bin/determinate-nixd",
	.profile = NIX_PROFILE_DEFAULT_BIN,
	.distribution = "/usr/bin/nix-daemon",
	.systemd = "/run/systemd/system",
	.systemctl = "/usr/bin/systemctl",
	.unit_directories = unit_directories,
	.owner = 0,
};

void daemon_program_release(struct daemon_program *program)
{
	free(program->path);
	words_release(&program->arguments);
	*program = (struct daemon_program){0};
}

/* ---- the program */

static bool is_there(const struct root *root, const char *path)
{
	struct stat status;

	return root_lstat(root, path, &status) == 0;
}

static int check_program(const struct root *root, const struct daemon_places *places,
			 const char *path, struct error *error)
{
	struct stat status;

	if (root_stat(root, path, &status) < 0)
		return error_set(error, ERROR_AGENT, "%s is not started: %s; install Nix anew",
				 path, strerror(errno));
	if (trusted_path_check(root, path, places->owner, error) < 0)
		return error_prefix(error, "%s is not started", path);
	if (!S_ISREG(status.st_mode) || !(status.st_mode & S_IXUSR))
		return error_set(
			error, ERROR_AGENT,
			"%s is not started: it is no program (mode %04o); install Nix anew", path,
			(unsigned int)status.st_mode & 07777u);
	return 0;
}

int daemon_program_find(const struct root *root, const struct daemon_places *places,
			struct daemon_program *ret, struct error *error)
{
	CLEANUP_FREE char *profile = mem_format("%s/nix-daemon", places->profile);
	const struct {
		const char *path, *argument;
	} candidates[] = {
		{places->determinate, "daemon"},
		{profile, NULL},
		{places->distribution, NULL},
	};

	for (size_t i = 0; i < COUNT(candidates); i++) {
		if (!is_there(root, candidates[i].path))
			continue;
		if (check_program(root, places, candidates[i].path, error) < 0)
			return -1;
		*ret = (struct daemon_program){.path = mem_strdup(candidates[i].path)};
		words_add(&ret->arguments, strrchr(ret->path, '/') + 1);
		if (candidates[i].argument)
			words_add(&ret->arguments, candidates[i].argument);
		words_end(&ret->arguments);
		return 0;
	}
	return error_set(
		error, ERROR_AGENT,
		"there is no Nix daemon to start: neither %s nor %s nor %s is there; install Nix",
		candidates[0].path, candidates[1].path, candidates[2].path);
}

/* ---- its environment */

static bool is_proxy_name(const char *text, size_t length)
{
	static const char *const names[] = {
		"http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (strlen(names[i]) == length && strncasecmp(text, names[i], length) == 0)
			return true;
	return false;
}

static bool is_plain(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return length <= MAX_VALUE_BYTES;
}

/* A proxy's value may hold its password: no message quotes it. */
static int add_proxies(struct words *environment, char *const *proxies, struct error *error)
{
	for (; proxies && *proxies; proxies++) {
		size_t length = strcspn(*proxies, "=");

		if (!(*proxies)[length] || !is_proxy_name(*proxies, length))
			return error_set(error, ERROR_USAGE,
					 "%.*s is no proxy variable, and the daemon gets no other",
					 (int)(length < 64 ? length : 64), *proxies);
		if (!is_plain(*proxies))
			return error_set(error, ERROR_USAGE,
					 "%.*s has control characters, or is longer than %u bytes",
					 (int)length, *proxies, MAX_VALUE_BYTES);
		words_add(environment, *proxies);
	}
	return 0;
}

static void add(struct words *environment, const char *name, const char *value)
{
	CLEANUP_FREE char *assignment = mem_format("%s=%s", name, value);

	words_add(environment, assignment);
}

int daemon_program_environment(const struct root *root, const struct daemon_places *places,
			       const struct daemon_legacy *legacy, struct words *environment,
			       struct error *error)
{
	CLEANUP_FREE char *path = mem_format(
		"%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", places->profile);
	const char *bundle = ca_bundle_find(root);

	add(environment, "HOME", "/root");
	add(environment, "PATH", path);
	if (bundle)
		add(environment, "NIX_SSL_CERT_FILE", bundle);
	if (add_proxies(environment, legacy->proxies, error) < 0)
		return -1;
	if (legacy->tracking_id && !is_plain(legacy->tracking_id))
		return error_set(error, ERROR_USAGE,
				 "RUNNER_TRACKING_ID has control characters, or is longer than %u "
				 "bytes",
				 MAX_VALUE_BYTES);
	if (legacy->tracking_id)
		add(environment, "RUNNER_TRACKING_ID", legacy->tracking_id);
	words_end(environment);
	return 0;
}

/* ---- systemd */

void daemon_program_units(const struct root *root, const struct daemon_places *places,
			  struct words *units)
{
	static const char *const names[] = {"nix-daemon.socket", "nix-daemon.service"};
	struct stat status;

	if (root_stat(root, places->systemd, &status) < 0 || !S_ISDIR(status.st_mode))
		return;
	for (size_t i = 0; i < COUNT(names); i++)
		for (const char *const *at = places->unit_directories; *at; at++) {
			CLEANUP_FREE char *path = mem_format("%s/%s", *at, names[i]);

			if (root_stat(root, path, &status) < 0)
				continue;
			words_add(units, names[i]);
			break;
		}
}

/* ---- the socket's directory */

/* A directory in PARENT, where others could not have put anything in our way. */
static int make_in(const struct root *root, const char *parent, const char *path)
{
	CLEANUP_CLOSE int above = root_open(root, parent, O_RDONLY | O_DIRECTORY, 0);
	CLEANUP_CLOSE int fd = -1;
	const char *name = strrchr(path, '/') + 1;

	if (above < 0 || (mkdirat(above, name, DIRECTORY_MODE) < 0 && errno != EEXIST))
		return -1;
	fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -1 : fchmod(fd, DIRECTORY_MODE); /* whatever our umask is */
}

/* PATH with its parents, as far as they are missing: a distribution's Nix comes without any. */
static int make_directories(const struct root *root, const char *path, uid_t owner,
			    struct error *error)
{
	CLEANUP_FREE char *parent = mem_strdup("/");

	for (const char *end = path; *end;) {
		CLEANUP_FREE char *here = NULL;

		end += 1 + strcspn(end + 1, "/");
		here = mem_strndup(path, (size_t)(end - path));
		if (!is_there(root, here)) {
			if (trusted_path_check(root, parent, owner, error) < 0)
				return -1;
			if (make_in(root, parent, here) < 0)
				return error_set(error, ERROR_AGENT, "%s cannot be made: %s", here,
						 strerror(errno));
		}
		free(parent);
		parent = TAKE(here);
	}
	return 0;
}

/* Its own words for a symlink: behind one that is root's all may be well, and it is still refused. */
static int check_directory(const struct root *root, const char *path, uid_t owner,
			   struct error *error)
{
	struct stat status;

	if (root_lstat(root, path, &status) < 0)
		return error_set(error, ERROR_AGENT, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return error_set(
			error, ERROR_AGENT,
			"%s is %s, and no directory: the daemon is not started there; remove it",
			path, S_ISLNK(status.st_mode) ? "a symlink" : "a file");
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(error, ERROR_AGENT,
				 "%s has mode %04o, so that others can put a socket there: it must "
				 "be writable for root alone (chmod go-w)",
				 path, (unsigned int)status.st_mode & 07777u);
	return trusted_path_check(root, path, owner, error);
}

int daemon_program_make_directory(const struct root *root, const struct daemon_places *places,
				  struct error *error)
{
	const char *slash = strrchr(places->socket, '/');
	CLEANUP_FREE char *path = mem_strndup(places->socket, (size_t)(slash - places->socket));

	if (make_directories(root, path, places->owner, error) < 0)
		return -1;
	return check_directory(root, path, places->owner, error);
}
