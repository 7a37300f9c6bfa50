/* SPDX-License-Identifier: Zlib */
/* Who this process is, and which rights it has. The passwd file is read here by hand: a static
 * binary has no NSS, and with --root the fake machine's file counts. */
#include "agent/context_identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define PASSWD_MAX_BYTES 1048576u
#define STATUS_MAX_BYTES 65536u
#define HOST_NAME_MAX_BYTES 256u
#define PASSWD_FIELDS 7u
#define MAX_UID 4294967294ul /* (uid_t)-1 is nobody's */

const char *privilege_name(enum privilege privilege)
{
	static const char *const names[] = {
		[PRIVILEGE_ROOT] = "root",
		[PRIVILEGE_SUDO] = "sudo",
		[PRIVILEGE_NONE] = "none",
	};

	return names[privilege];
}

/* ---- passwd */

/* Cuts LINE at its colons; false unless it has the seven fields of passwd(5). */
static bool passwd_fields(char *line, const char *fields[PASSWD_FIELDS])
{
	size_t count = 0;

	while (line && count < PASSWD_FIELDS)
		fields[count++] = strsep(&line, ":");
	return count == PASSWD_FIELDS && !line;
}

static bool passwd_line_fits(const char *const fields[PASSWD_FIELDS], uid_t uid)
{
	unsigned long number;

	return *fields[0] && text_to_number(fields[2], 0, MAX_UID, &number) && number == uid;
}

bool passwd_find(const char *text, uid_t uid, char **ret_name, char **ret_home)
{
	CLEANUP_FREE char *copy = mem_strdup(text);
	char *rest = copy;

	while (rest) {
		const char *fields[PASSWD_FIELDS];
		char *line = strsep(&rest, "\n");

		if (!passwd_fields(line, fields) || !passwd_line_fits(fields, uid))
			continue;
		*ret_name = mem_strdup(fields[0]);
		*ret_home = *fields[5] == '/' ? mem_strdup(fields[5]) : NULL;
		return true;
	}
	return false;
}

/* Nix's getHome since 2.10: in a job container root's HOME is often the runner's folder. */
static bool is_home_of_nix(const struct context *context, const char *home)
{
	struct stat status;

	if (home[0] != '/')
		return true;
	if (root_stat(&context->root, home, &status) < 0)
		return errno == ENOENT;
	return status.st_uid == context->uid;
}

static void read_user(struct context *context)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(PASSWD_MAX_BYTES);
	CLEANUP_FREE char *passwd_home = NULL;
	const char *home = context_env(context, "HOME");

	if (root_read(&context->root, "/etc/passwd", &text) < 0 ||
	    !passwd_find(text.data, context->uid, &context->user_name, &passwd_home))
		context->user_name = mem_format("%lu", (unsigned long)context->uid);
	if (home && is_home_of_nix(context, home))
		context->nix_home = mem_strdup(home);
	else if (passwd_home)
		context->nix_home = mem_strdup(passwd_home);
	context->home = home ? mem_strdup(home) : TAKE(passwd_home);
}

static void read_groups(struct context *context)
{
	int count = getgroups(0, NULL);

	if (count <= 0)
		return;
	context->groups = mem_alloc((size_t)count, sizeof(*context->groups));
	count = getgroups(count, context->groups);
	context->group_count = count > 0 ? (size_t)count : 0;
}

/* ---- rights */

/* "NoNewPrivs:\t1" of proc_pid_status(5); prctl where /proc is not mounted. */
static bool read_no_new_privs(const struct root *root)
{
	static const char key[] = "\nNoNewPrivs:";
	CLEANUP_STRBUF struct strbuf status = STRBUF_INIT(STATUS_MAX_BYTES);
	const char *line;

	if (root_read(root, "/proc/self/status", &status) < 0)
		return !root->is_confined && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	line = strstr(status.data, key);
	if (!line)
		return false;
	line += strlen(key);
	return line[strspn(line, " \t")] == '1';
}

static bool has_setuid_sudo(const struct root *root)
{
	static const char *const places[] = {"/usr/bin/sudo", "/bin/sudo",
					     "/run/wrappers/bin/sudo"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct stat status;

		if (root_stat(root, places[i], &status) == 0 && S_ISREG(status.st_mode) &&
		    (status.st_mode & S_ISUID) && status.st_uid == 0)
			return true;
	}
	return false;
}

static enum privilege read_privilege(const struct context *context)
{
	if (context->uid == 0)
		return PRIVILEGE_ROOT;
	if (!context->has_no_new_privs && has_setuid_sudo(&context->root))
		return PRIVILEGE_SUDO;
	return PRIVILEGE_NONE;
}

static char *read_host_name(const struct root *root)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(HOST_NAME_MAX_BYTES);
	char name[HOST_NAME_MAX_BYTES] = "";

	if (root->is_confined && root_read(root, "/etc/hostname", &text) == 0) {
		strbuf_truncate(&text, strcspn(text.data, "\n"));
		return strbuf_take(&text);
	}
	if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
		return NULL;
	return mem_strdup(name);
}

void context_read_identity(struct context *context)
{
	context->uid = geteuid();
	context->gid = getegid();
	read_groups(context);
	read_user(context);
	context->host_name = read_host_name(&context->root);
	context->has_no_new_privs = read_no_new_privs(&context->root);
	context->privilege = read_privilege(context);
}
