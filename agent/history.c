/* SPDX-License-Identifier: Zlib */
/* The report of an earlier surface, read as what it is: a file that anything may have written. */
#include "agent/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/redact.h"
#include "agent/report.h"
#include "agent/result.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/table.h"

#define VARIABLE "SPINUP_REPORT_PATH"
#define FILE_MAX_BYTES (1u << 20)
#define TEXT_MAX_BYTES 500u
#define MAX_FINDINGS 64u
#define MAX_TASKS 64u
#define MAX_MS INT64_C(86400000)

/* ---- values */

/* The index of VALUE's text among COUNT names, or -1. */
static int index_of(const struct json *value, size_t count, const char *(*name_of)(size_t index))
{
	const char *text = json_string(value);

	for (size_t i = 0; text && i < count; i++)
		if (strcmp(text, name_of(i)) == 0)
			return (int)i;
	return -1;
}

static const char *name_of_surface(size_t index)
{
	return surface_name((enum surface)index);
}

static const char *name_of_outcome(size_t index)
{
	return outcome_name((enum outcome)index);
}

static const char *name_of_severity(size_t index)
{
	return severity_name((enum severity)index);
}

static bool read_milliseconds(const struct json *value, int64_t *ret)
{
	return json_integer(value, ret) && *ret >= 0 && *ret <= MAX_MS;
}

static bool read_line(const struct json *value, char **ret)
{
	const char *text = json_string(value);

	*ret = text_cleaned(text, TEXT_MAX_BYTES);
	return text != NULL;
}

/* "2026-01-01T14:02:11Z": a digit stands for any. */
static bool read_time(const struct json *value, char ret[static 21])
{
	static const char form[] = "0000-00-00T00:00:00Z";
	const char *text = json_string(value);

	if (!text || strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	memcpy(ret, text, sizeof(form));
	return true;
}

static bool is_id(const char *text)
{
	return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

/* ---- an entry */

static void release_finding(struct history_finding *finding)
{
	free(finding->id);
	free(finding->probe);
	free(finding->subject);
	free(finding->detail);
}

static void release_entry(struct history_entry *entry)
{
	for (size_t i = 0; i < entry->finding_count; i++)
		release_finding(&entry->findings[i]);
	free(entry->findings);
	free(entry->tasks);
	free(entry->label);
	*entry = (struct history_entry){0};
}

/* Even what is half read is the entry's to release. */
static bool read_finding(const struct json *object, struct history_finding *ret)
{
	int severity =
		index_of(json_member(object, "severity"), SEVERITY_ERROR + 1, name_of_severity);

	ret->severity = severity < 0 ? SEVERITY_OK : (enum severity)severity;
	return severity >= 0 && read_line(json_member(object, "id"), &ret->id) && is_id(ret->id) &&
	       read_line(json_member(object, "probe"), &ret->probe) &&
	       read_line(json_member(object, "subject"), &ret->subject) &&
	       read_line(json_member(object, "detail"), &ret->detail);
}

static bool read_findings(const struct json *array, struct history_entry *entry)
{
	const struct json *object;

	entry->findings = mem_alloc(MAX_FINDINGS, sizeof(*entry->findings));
	for (object = json_at(array, 0); object; object = json_next(object)) {
		struct history_finding finding = {0};
		bool is_good = read_finding(object, &finding);

		if (is_good && finding.severity != SEVERITY_OK &&
		    entry->finding_count < MAX_FINDINGS)
			entry->findings[entry->finding_count++] = finding;
		else
			release_finding(&finding);
		if (!is_good)
			return false;
	}
	return json_is_array(array);
}

/* A probe of another version has no name here that could be shown. */
static bool read_tasks(const struct json *array, struct history_entry *entry)
{
	const struct json *object;

	entry->tasks = mem_alloc(MAX_TASKS, sizeof(*entry->tasks));
	object = json_at(array, 0);
	for (; object && entry->task_count < MAX_TASKS; object = json_next(object)) {
		struct history_task *task = &entry->tasks[entry->task_count];
		const char *probe = json_string(json_member(object, "probe"));
		const char *end = json_string(json_member(object, "end"));

		if (!probe || !end ||
		    !read_milliseconds(json_member(object, "start_ms"), &task->start_ms) ||
		    !read_milliseconds(json_member(object, "took_ms"), &task->took_ms))
			return false;
		task->is_done = strcmp(end, "done") == 0;
		task->probe = probe_find(probe);
		entry->task_count += task->probe != NULL;
	}
	return json_is_array(array);
}

/* OBJECT is a report, or an entry of a report's history. */
static bool read_entry(const struct json *object, struct history_entry *ret)
{
	const struct json *lane = json_member(object, "lane");
	int surface =
		index_of(json_member(object, "surface"), SURFACE_ENTRYPOINT + 1, name_of_surface);
	int outcome = index_of(json_member(object, "outcome"), OUTCOME_FAILED + 1, name_of_outcome);

	if (surface < 0 || outcome < 0)
		return false;
	ret->surface = (enum surface)surface;
	ret->outcome = outcome_name((enum outcome)outcome);
	return read_time(json_member(object, "started"), ret->started) &&
	       read_milliseconds(json_member(object, "elapsed_ms"), &ret->elapsed_ms) &&
	       read_line(json_is_object(lane) ? json_member(lane, "label") : lane, &ret->label) &&
	       read_findings(json_member(object, "findings"), ret) &&
	       read_tasks(json_member(object, "tasks"), ret);
}

/* ---- the list */

/* The surfaces in the order in which a job passes them; 0 for none of them. */
static unsigned int rank(enum surface surface)
{
	static const unsigned int ranks[] = {
		[SURFACE_LOCAL] = 0, [SURFACE_ENTRYPOINT] = 1, [SURFACE_HOOK] = 2,
		[SURFACE_STEP] = 3,  [SURFACE_GITLAB] = 3,
	};

	return ranks[surface];
}

/* Adds the run that OBJECT tells of, if it was before SURFACE. Each is later than the one before, so
 * that no more come than there are surfaces. */
static bool add_entry(struct history *history, const struct json *object, enum surface surface)
{
	struct history_entry entry = {0};
	unsigned int last = 0;
	bool is_good = read_entry(object, &entry);

	if (history->count)
		last = rank(history->entries[history->count - 1].surface);
	if (is_good && rank(entry.surface) > last && rank(entry.surface) < rank(surface))
		history->entries[history->count++] = entry;
	else
		release_entry(&entry);
	return is_good;
}

/* The report's own history is older than itself. */
static bool read_report(struct history *history, const struct json *report, enum surface surface)
{
	const char *schema = json_string(json_member(report, "schema"));
	const struct json *earlier = json_member(report, "history");
	const struct json *object;

	if (!schema || strcmp(schema, REPORT_SCHEMA) != 0)
		return false;
	for (size_t i = 0; (object = json_at(earlier, i)); i++)
		if (i >= HISTORY_MAX_ENTRIES || !add_entry(history, object, surface))
			return false;
	return json_is_array(earlier) && add_entry(history, report, surface);
}

/* ---- the file */

/* In a job container root reads what the hook, as another user, has left in RUNNER_TEMP. */
static bool is_owner(const struct context *context, uid_t owner)
{
	struct stat temp;

	if (owner == context->uid || owner == 0)
		return true;
	return context->uid == 0 && root_stat(&context->root, context->temp, &temp) == 0 &&
	       temp.st_uid == owner;
}

static int check_file(const struct context *context, int fd, struct error *error)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return error_set(error, ERROR_AGENT, "%s", strerror(errno));
	if (!S_ISREG(status.st_mode))
		return error_set(error, ERROR_AGENT, "it is no regular file");
	if (!is_owner(context, status.st_uid))
		return error_set(error, ERROR_AGENT, "it belongs to user %u",
				 (unsigned int)status.st_uid);
	if ((status.st_mode & 07777) != 0600)
		return error_set(error, ERROR_AGENT, "its mode is %04o instead of 0600",
				 (unsigned int)status.st_mode & 07777);
	return 0;
}

/* Returns -1 with ERROR; errno is ENOENT when there is no such file. */
static int read_file(const struct context *context, const char *path, struct strbuf *text,
		     struct error *error)
{
	CLEANUP_CLOSE int fd =
		root_open(&context->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0) {
		int number = errno;

		(void)error_set(error, ERROR_AGENT, "%s",
				number == ELOOP ? "it is a symbolic link" : strerror(number));
		errno = number;
		return -1;
	}
	errno = 0;
	if (check_file(context, fd, error) < 0)
		return -1;
	if (root_read_open(fd, text) < 0)
		return error_set(error, ERROR_AGENT, "%s",
				 errno == EFBIG ? "it is longer than 1 MiB" : strerror(errno));
	return 0;
}

int history_parse(struct history *ret, const struct strbuf *text, enum surface surface,
		  struct error *error)
{
	CLEANUP_JSON struct json *report = NULL;

	*ret = (struct history){0};
	if (json_parse(text->data, text->length, "it", &report, error) < 0)
		return -1;
	if (read_report(ret, report, surface))
		return 0;
	history_release(ret);
	return error_set(error, ERROR_AGENT, "it does not have the form of a report");
}

void history_read(struct history *ret, const struct context *context, struct findings *findings)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX_BYTES);
	const char *path = context_env(context, VARIABLE);
	struct error error = {0};

	*ret = (struct history){0};
	if (!path || rank(context->surface) < rank(SURFACE_HOOK))
		return;
	if (read_file(context, path, &text, &error) < 0) {
		if (errno == ENOENT && context->is_container_job)
			return;
	} else if (history_parse(ret, &text, context->surface, &error) == 0) {
		return;
	}
	findings_note(findings, FINDING_HISTORY_IGNORED, path, "not read: %s", error.message);
}

void history_release(struct history *history)
{
	for (size_t i = 0; i < history->count; i++)
		release_entry(&history->entries[i]);
	*history = (struct history){0};
}

bool history_finding_holds(const struct history_finding *finding, const struct result *result)
{
	const struct findings *now = &result->run->findings;

	for (size_t i = 0; i < now->count; i++) {
		CLEANUP_FREE char *line = redact_line(result, now->items[i].subject);
		CLEANUP_FREE char *subject = text_cleaned(line, TEXT_MAX_BYTES);

		if (now->items[i].severity != SEVERITY_OK &&
		    strcmp(finding_kind(now->items[i].id)->id, finding->id) == 0 &&
		    strcmp(subject, finding->subject) == 0)
			return true;
	}
	return false;
}
