/* SPDX-License-Identifier: Zlib */
/* The daemon's record: one JSON object, read strictly. */
#include "agent/daemon_record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/daemon_process.h"
#include "agent/error.h"
#include "agent/json.h"
#include "agent/json_read.h"
#include "agent/mem.h"
#include "agent/private_dir.h"
#include "agent/root.h"
#include "agent/strbuf.h"

#define NAME "daemon"
#define VERSION 1
#define MAX_BYTES 16384u
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* As it stands in the file. */
struct written {
	int64_t version;
	int64_t pid;
	int64_t start_time;
	char *boot;
	char *program;
};

static const struct json_field fields[] = {
	{"version", json_read_integer, offsetof(struct written, version), true},
	{"pid", json_read_integer, offsetof(struct written, pid), true},
	{"start_time", json_read_integer, offsetof(struct written, start_time), true},
	{"boot", json_read_text, offsetof(struct written, boot), true},
	{"program", json_read_text, offsetof(struct written, program), true},
	{0},
};

static void written_release(struct written *written)
{
	free(written->boot);
	free(written->program);
}

void daemon_record_release(struct daemon_record *record)
{
	free(record->program);
	*record = (struct daemon_record){0};
}

/* The caller frees; NULL with ERROR. */
static char *read_boot_id(const struct root *root, struct error *error)
{
	struct strbuf text = STRBUF_INIT(64);

	if (root_read(root, BOOT_ID, &text) < 0) {
		(void)error_set(error, ERROR_AGENT, BOOT_ID ": %s; /proc must be mounted",
				strerror(errno));
		strbuf_release(&text);
		return NULL;
	}
	strbuf_truncate(&text, strcspn(text.data, "\n"));
	return strbuf_take(&text);
}

/* ---- writing */

int daemon_record_write(const struct root *root, const struct private_dir *state,
			const struct daemon_process *process, const char *program,
			struct error *error)
{
	CLEANUP_FREE char *boot = read_boot_id(root, error);
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_BYTES);
	CLEANUP_JSON struct json *document = NULL;

	if (!boot)
		return -1;
	document = json_new_object();
	json_add_integer(document, "version", VERSION);
	json_add_integer(document, "pid", process->pid);
	json_add_integer(document, "start_time", (int64_t)process->start_time);
	json_add_string(document, "boot", boot);
	json_add_string(document, "program", program);
	json_print(document, false, &text);
	return private_dir_write(state, NAME, text.data, text.length, error);
}

void daemon_record_remove(const struct private_dir *state)
{
	(void)unlinkat(state->fd, NAME, 0);
}

/* ---- reading */

/* Returns 1 with the file's text, 0 where there is no file, -1 with ERROR. */
static int read_text(const struct private_dir *state, struct strbuf *text, struct error *error)
{
	CLEANUP_CLOSE int fd =
		openat(state->fd, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set(error, ERROR_AGENT, "%s/" NAME ": %s; remove it", state->path,
				 strerror(errno));
	if (status.st_uid != geteuid() || (status.st_mode & 077))
		return error_set(error, ERROR_AGENT,
				 "%s/" NAME " has mode %04o and belongs to user %u, so that others "
				 "may have written it; remove it",
				 state->path, (unsigned int)status.st_mode & 07777u,
				 (unsigned int)status.st_uid);
	if (root_read_open(fd, text) < 0)
		return error_set(error, ERROR_AGENT, "%s/" NAME ": %s; remove it", state->path,
				 strerror(errno));
	return 1;
}

static int parse(const struct strbuf *text, const char *name, struct written *ret,
		 struct error *error)
{
	CLEANUP(json_reader_release)
	struct json_reader reader = JSON_READER_INIT(name, error);
	CLEANUP_JSON struct json *document = NULL;

	if (json_parse(text->data, text->length, name, &document, error) < 0 ||
	    json_read_fields(&reader, document, fields, ret) < 0)
		return -1;
	if (ret->version != VERSION)
		return json_read_fail(&reader, "version %lld is unknown", (long long)ret->version);
	if (ret->pid < 2 || ret->pid > INT_MAX)
		return json_read_fail(&reader, "%lld is no daemon's process", (long long)ret->pid);
	return 0;
}

int daemon_record_read(const struct root *root, const struct private_dir *state,
		       struct daemon_record *ret, struct error *error)
{
	CLEANUP_FREE char *name = mem_format("%s/" NAME, state->path);
	CLEANUP_FREE char *boot = NULL;
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_BYTES);
	CLEANUP(written_release) struct written written = {0};
	int is_there = read_text(state, &text, error);

	if (is_there <= 0)
		return is_there;
	boot = read_boot_id(root, error);
	if (!boot || parse(&text, name, &written, error) < 0)
		return -1;
	if (strcmp(boot, written.boot) != 0)
		return 0;
	*ret = (struct daemon_record){
		.pid = (pid_t)written.pid,
		.start_time = (uint64_t)written.start_time,
	};
	ret->program = TAKE(written.program);
	return 1;
}

bool daemon_record_is(const struct daemon_record *record, const struct daemon_process *process)
{
	return record->pid == process->pid && record->start_time == process->start_time;
}
