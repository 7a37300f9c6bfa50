/* SPDX-License-Identifier: Zlib */
/* The report as JSON; its form is agent/schemas/report.json. */
#include "agent/report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/plan.h"
#include "agent/redact.h"
#include "agent/result.h"
#include "agent/strbuf.h"
#include "agent/version.h"
#include "probes/table.h"

/* Deeper keys keep their dots: readers of JSON have a limit of their own. */
#define MAX_DEPTH 8u

/* A key that is both a value and the beginning of others: no segment can be called so. */
#define OWN_VALUE "="

static void add_text(struct json *object, const char *name, const struct result *result,
		     const char *text)
{
	CLEANUP_FREE char *shown = redact_line(result, text);

	json_add_string(object, name, shown);
}

static void add_lane(struct json *report, const struct result *result)
{
	const struct job *job = result->job;
	struct json *lane = json_add_object(report, "lane");
	struct json *promises;

	add_text(lane, "label", result, job->lane.label ? job->lane.label : "");
	add_text(lane, "source", result, job->identity.source ? job->identity.source : "");
	json_add_string(lane, "confidence", lane_confidence_name(job->identity.confidence));
	json_add_string(lane, "status", lane_status_name(job->lane.status));
	promises = json_add_array(lane, "promises");
	for (unsigned int bit = 1; bit <= LANE_BAZEL; bit <<= 1)
		if (job->lane.promises & bit)
			json_append_string(promises, lane_promise_name((enum lane_promise)bit));
}

static void add_started(struct json *report, int64_t started)
{
	time_t seconds = (time_t)started;
	struct tm parts = {0};
	char text[32] = "";

	if (gmtime_r(&seconds, &parts))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	json_add_string(report, "started", text);
}

static void add_findings(struct json *report, const struct result *result)
{
	const struct findings *findings = &result->run->findings;
	struct json *list = json_add_array(report, "findings");

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];
		struct json *row = json_append_object(list);

		json_add_string(row, "id", finding_kind(finding->id)->id);
		add_text(row, "probe", result, finding->probe);
		add_text(row, "subject", result, finding->subject);
		json_add_string(row, "severity", severity_name(finding->severity));
		add_text(row, "detail", result, finding->detail);
		add_text(row, "remedy", result, finding->remedy);
		if (finding->took_ms >= 0)
			json_add_integer(row, "took_ms", finding->took_ms);
		else
			json_add_string(row, "took_ms", NULL);
	}
}

static void add_tasks(struct json *report, const struct result *result)
{
	struct json *list = json_add_array(report, "tasks");

	for (size_t i = 0; i < result->run->count; i++) {
		const struct task_result *done = &result->run->results[i];
		struct json *row = json_append_object(list);

		add_text(row, "name", result, done->task->name);
		json_add_string(row, "probe", done->task->probe->name);
		json_add_string(row, "kind", task_kind_name(done->task->kind));
		add_text(row, "subject", result, done->task->subject);
		add_text(row, "why", result, done->task->why);
		json_add_string(row, "end", task_end_name(done->end));
		add_text(row, "phase", result, done->phase);
		json_add_integer(row, "start_ms", done->start_us / 1000);
		json_add_integer(row, "took_ms", done->took_us / 1000);
	}
}

/* A value that is a list of lines. */
static void add_list(struct json *object, const char *name, const struct result *result,
		     const char *text)
{
	struct json *list = json_add_array(object, name);

	while (*text) {
		size_t length = strcspn(text, "\n");
		CLEANUP_FREE char *item = mem_strndup(text, length);
		CLEANUP_FREE char *shown = redact_line(result, item);

		if (length)
			json_append_string(list, shown);
		text += length + (text[length] == '\n');
	}
}

static void add_fact(struct json *object, const char *name, const struct result *result,
		     const struct fact *fact)
{
	switch (fact->type) {
	case FACT_STRING:
		add_text(object, name, result, fact->text);
		break;
	case FACT_INTEGER:
		json_add_integer(object, name, fact->number);
		break;
	case FACT_BOOLEAN:
		json_add_boolean(object, name, fact->number != 0);
		break;
	case FACT_LIST:
		add_list(object, name, result, fact->text);
		break;
	}
}

/* Facts with a common beginning of their keys stand together, for they are sorted by key. */
struct fact_range {
	const struct fact *items;
	size_t count;
	size_t prefix; /* bytes of the key that the enclosing objects stand for */
	unsigned int depth;
};

/* How many items from INDEX on lie below "SEGMENT." */
static size_t group_size(const struct fact_range *range, size_t index, size_t segment_length)
{
	const char *first = range->items[index].key;
	size_t length = range->prefix + segment_length + 1, count = 1;

	while (index + count < range->count &&
	       strncmp(range->items[index + count].key, first, length) == 0)
		count++;
	return count;
}

/* The fact whose whole key is KEY's first LENGTH bytes, or NULL. */
static const struct fact *find_leaf(const struct facts *facts, const char *key, size_t length)
{
	CLEANUP_FREE char *name = mem_strndup(key, length);

	return facts_find(facts, name);
}

static bool has_group(const struct fact_range *range, size_t index)
{
	const char *key = range->items[index].key;
	size_t length = strlen(key);

	for (size_t i = index + 1; i < range->count; i++)
		if (strncmp(range->items[i].key, key, length) == 0 &&
		    range->items[i].key[length] == '.')
			return true;
	return false;
}

/* Nests as deep as MAX_DEPTH, so the recursion is bounded. */
static void add_facts(struct json *object, const struct result *result,
		      const struct fact_range *range)
{
	for (size_t i = 0, size; i < range->count; i += size) {
		const struct fact *fact = &range->items[i];
		const char *name = fact->key + range->prefix;
		size_t segment = strcspn(name, ".");
		bool is_leaf = !name[segment] || range->depth == MAX_DEPTH;
		CLEANUP_FREE char *group = mem_strndup(name, segment);
		const struct fact *own = NULL;
		struct fact_range below;
		struct json *child;

		size = 1;
		if (is_leaf && range->depth < MAX_DEPTH && has_group(range, i))
			continue; /* comes inside its group */
		if (is_leaf) {
			add_fact(object, name, result, fact);
			continue;
		}
		size = group_size(range, i, segment);
		below = (struct fact_range){fact, size, range->prefix + segment + 1,
					    range->depth + 1};
		child = json_add_object(object, group);
		own = find_leaf(&result->run->facts, fact->key, range->prefix + segment);
		if (own)
			add_fact(child, OWN_VALUE, result, own);
		add_facts(child, result, &below);
	}
}

static void add_environment(struct json *report, const struct result *result)
{
	const struct environment *environment = result->environment;
	struct json *object = json_add_object(report, "environment");

	for (size_t i = 0; environment && i < environment->count; i++) {
		const struct variable *variable = &environment->variables[i];
		struct json *row = json_add_object(object, variable->name);
		CLEANUP_FREE char *value = variable_display(variable);
		CLEANUP_FREE char *shown = redact_lines(result, value);

		json_add_string(row, "value", shown);
		add_text(row, "source", result, variable->source);
	}
}

/* ---- what earlier surfaces found: each as in its own report, shortened */

static void add_past_findings(struct json *object, const struct result *result,
			      const struct history_entry *entry)
{
	struct json *list = json_add_array(object, "findings");

	for (size_t i = 0; i < entry->finding_count; i++) {
		const struct history_finding *finding = &entry->findings[i];
		struct json *row = json_append_object(list);

		json_add_string(row, "id", finding->id);
		add_text(row, "probe", result, finding->probe);
		add_text(row, "subject", result, finding->subject);
		json_add_string(row, "severity", severity_name(finding->severity));
		add_text(row, "detail", result, finding->detail);
		json_add_boolean(row, "is_still_there", history_finding_holds(finding, result));
	}
}

static void add_past_tasks(struct json *object, const struct history_entry *entry)
{
	struct json *list = json_add_array(object, "tasks");

	for (size_t i = 0; i < entry->task_count; i++) {
		const struct history_task *task = &entry->tasks[i];
		struct json *row = json_append_object(list);

		json_add_string(row, "probe", task->probe->name);
		json_add_string(row, "end", task->is_done ? "done" : "failed");
		json_add_integer(row, "start_ms", task->start_ms);
		json_add_integer(row, "took_ms", task->took_ms);
	}
}

static void add_history(struct json *report, const struct result *result)
{
	const struct history *history = &result->job->history;
	struct json *list = json_add_array(report, "history");

	for (size_t i = 0; i < history->count; i++) {
		const struct history_entry *entry = &history->entries[i];
		struct json *row = json_append_object(list);

		json_add_string(row, "surface", surface_name(entry->surface));
		json_add_string(row, "started", entry->started);
		json_add_string(row, "outcome", entry->outcome);
		add_text(row, "lane", result, entry->label);
		json_add_integer(row, "elapsed_ms", entry->elapsed_ms);
		add_past_findings(row, result, entry);
		add_past_tasks(row, entry);
	}
}

static void print_report(const struct result *result, struct strbuf *out)
{
	const struct context *context = &result->job->context;
	const struct run *run = result->run;
	struct fact_range facts = {run->facts.items, run->facts.count, 0, 0};
	CLEANUP_JSON struct json *report = json_new_object();

	json_add_string(report, "schema", REPORT_SCHEMA);
	json_add_string(report, "version", SPINUP_VERSION);
	json_add_string(report, "command", result->command->name);
	json_add_string(report, "outcome", outcome_name(result->outcome));
	add_lane(report, result);
	json_add_string(report, "surface", surface_name(context->surface));
	json_add_string(report, "audience", audience_name(context->audience));
	json_add_string(report, "privilege", privilege_name(context->privilege));
	json_add_string(report, "sandbox", sandbox_level_name(run->sandbox));
	add_started(report, run->started);
	json_add_integer(report, "elapsed_ms", run->elapsed_us / 1000);
	add_findings(report, result);
	add_tasks(report, result);
	add_history(report, result);
	add_facts(json_add_object(report, "facts"), result, &facts);
	add_environment(report, result);
	json_print(report, false, out);
}

const struct strbuf *report_text(const struct result *result)
{
	if (!result->report->length)
		print_report(result, result->report);
	return result->report;
}
