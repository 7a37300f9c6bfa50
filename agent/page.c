/* SPDX-License-Identifier: Zlib */
/* The terminal page: its order, its header, and the plan's page. */
#include "agent/page.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/gitlab.h"
#include "agent/page_sections.h"
#include "agent/page_text.h"
#include "agent/redact.h"
#include "agent/result.h"
#include "agent/strbuf.h"
#include "agent/version.h"
#include "probes/table.h"

#define DEFAULT_COLUMNS 100u
#define MIN_COLUMNS 60u
#define MAX_COLUMNS 140u
#define VALUE_COLUMN 12u
#define LINE_MAX_BYTES 4096u

#define PLAN_NAME_COLUMN 11u
#define PLAN_NAME_MAX 46u

static void print_row(const struct page_style *style, const char *key, const char *value,
		      struct strbuf *out)
{
	struct page_paragraph paragraph = {VALUE_COLUMN, style->width};

	strbuf_puts(out, "  ");
	page_colour(out, style, PAGE_DIM, key);
	page_pad(out, VALUE_COLUMN);
	page_wrap(out, &paragraph, value);
	strbuf_putc(out, '\n');
}

static void list_promises(struct strbuf *out, unsigned int bits, const char *heading)
{
	if (bits)
		strbuf_puts(out, heading);
	lane_promise_names(bits, out);
}

static void print_lane(const struct result *result, const struct page_style *style,
		       struct strbuf *out)
{
	const unsigned int caches = LANE_ATTIC | LANE_BAZEL;
	const struct job *job = result->job;
	CLEANUP_STRBUF struct strbuf line = STRBUF_INIT(LINE_MAX_BYTES);
	CLEANUP_FREE char *label = redact_line(result, job->lane.label ? job->lane.label : "");
	CLEANUP_FREE char *source = redact_line(result, job->identity.source);

	if (*label) {
		page_colour(&line, style, PAGE_BOLD, label);
		strbuf_printf(&line, "  (%s%s%s)", source ? source : "", source ? ", " : "",
			      lane_confidence_name(job->identity.confidence));
	} else {
		strbuf_puts(&line, "unknown");
	}
	list_promises(&line, job->lane.promises & ~caches, "; promises ");
	if (!(job->lane.promises & ~caches))
		strbuf_puts(&line, "; promises nothing beyond the system");
	list_promises(&line, job->lane.promises & caches, "; caches ");
	print_row(style, "lane", line.data, out);
}

static const char *surface_text(const struct context *context)
{
	switch (context->surface) {
	case SURFACE_STEP:
		return context->is_act             ? "a step, run by act"
		       : context->is_container_job ? "a step in a job container"
						   : "a step on the runner";
	case SURFACE_HOOK:
		return "the runner's hook before the job";
	case SURFACE_ENTRYPOINT:
		return "the entrypoint of a runner image";
	case SURFACE_GITLAB:
		return "a GitLab job";
	case SURFACE_LOCAL:
		break;
	}
	return "a terminal or script";
}

static void print_surroundings(const struct result *result, const struct page_style *style,
			       struct strbuf *out)
{
	static const char *const audiences[] = {
		[AUDIENCE_CLUSTER] = "in the cluster",
		[AUDIENCE_HOSTED] = "on a GitHub-hosted runner",
		[AUDIENCE_PERSON] = "on a person's machine",
	};
	static const char *const privileges[] = {
		[PRIVILEGE_ROOT] = "",
		[PRIVILEGE_SUDO] = ", sudo is there",
		[PRIVILEGE_NONE] = ", no root, no sudo",
	};
	const struct context *context = &result->job->context;
	CLEANUP_STRBUF struct strbuf line = STRBUF_INIT(LINE_MAX_BYTES);
	CLEANUP_FREE char *user = redact_line(result, context->user_name);

	strbuf_printf(&line, "%s, %s", surface_text(context), audiences[context->audience]);
	print_row(style, "where", line.data, out);
	strbuf_clear(&line);
	strbuf_printf(&line, "%s (uid %u)%s%s", user ? user : "", (unsigned int)context->uid,
		      privileges[context->privilege],
		      context->has_no_new_privs ? ", no_new_privs is set" : "");
	print_row(style, "user", line.data, out);
	if (result->run)
		print_row(style, "sandbox", sandbox_level_name(result->run->sandbox), out);
}

void page_print_header(const struct result *result, const struct page_style *style,
		       struct strbuf *out)
{
	page_colour(out, style, PAGE_BOLD, "spinup " SPINUP_VERSION);
	strbuf_printf(out, " %s\n\n", result->command ? result->command->name : "plan");
	print_lane(result, style, out);
	print_surroundings(result, style, out);
}

void page_print(const struct result *result, const struct page_style *style, struct strbuf *out)
{
	const struct run *run = result->run;
	int64_t end = run->started + run->elapsed_us / 1000000;
	struct gitlab_section proofs = {"spinup_proofs", "What was proven",
					result->outcome == OUTCOME_READY, run->started, end};
	struct gitlab_section environment = {"spinup_environment", "What the job gets", true, end,
					     end};

	page_print_header(result, style, out);
	if (style->has_sections)
		gitlab_section_start(out, &proofs);
	page_print_findings(result, style, out);
	page_print_history(result, style, out);
	if (style->is_complete)
		page_print_facts(result, style, out);
	if (style->has_sections) {
		gitlab_section_end(out, &proofs);
		gitlab_section_start(out, &environment);
	}
	page_print_environment(result, style, out);
	if (style->has_sections)
		gitlab_section_end(out, &environment);
	page_print_verdict(result, style, out);
}

/* ---- the plan */

static size_t longest_name(const struct plan *plan)
{
	size_t longest = 0;

	for (size_t i = 0; i < plan->count; i++) {
		size_t columns = page_columns(plan->tasks[i].name);

		if (columns > longest)
			longest = columns;
	}
	return longest < PLAN_NAME_MAX ? longest : PLAN_NAME_MAX;
}

static void print_task(const struct result *result, const struct task *task, size_t name_columns,
		       const struct page_style *style, struct strbuf *out)
{
	CLEANUP_FREE char *name = redact_line(result, task->name);
	CLEANUP_FREE char *subject = redact_line(result, task->subject);
	CLEANUP_FREE char *why = redact_line(result, task->why);
	CLEANUP_STRBUF struct strbuf bound = STRBUF_INIT(32);
	size_t column = PLAN_NAME_COLUMN + name_columns + 2;
	struct page_paragraph paragraph = {column + 9, style->width};
	/* "dns:host" says what it is about already. */
	struct page_pair pair = {why, PAGE_PLAIN, strstr(name, subject) ? "" : subject};

	page_duration(&bound, task->deadline_ms);
	strbuf_printf(out, "  %s", task_kind_name(task->kind));
	page_pad(out, PLAN_NAME_COLUMN);
	page_colour(out, style, PAGE_BOLD, name);
	page_pad(out, column + 7 - page_columns(bound.data));
	strbuf_puts(out, bound.data);
	page_pad(out, column + 9);
	page_wrap_pair(out, &paragraph, style, &pair);
	strbuf_putc(out, '\n');
}

void page_print_plan(const struct job *job, const struct plan *plan, const struct page_style *style,
		     struct strbuf *out)
{
	const struct result result = {.job = job, .plan = plan};
	size_t name_columns = longest_name(plan);

	page_print_header(&result, style, out);
	strbuf_puts(out,
		    plan->count
			    ? "\nWhat would be proven, how long it may take at most, and why\n\n"
			    : "\nNothing would be proven: the lane promises nothing.\n");
	for (size_t i = 0; i < plan->count; i++)
		print_task(&result, &plan->tasks[i], name_columns, style, out);
}

/* ---- the terminal */

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

/* https://no-color.org; CLICOLOR_FORCE gives a log its colours. */
static bool wants_colour(int fd)
{
	const char *term = getenv("TERM");
	const char *forced = getenv("CLICOLOR_FORCE");

	if (is_set("NO_COLOR"))
		return false;
	if (forced && *forced && strcmp(forced, "0") != 0)
		return true;
	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

struct page_style page_style_for(int fd)
{
	struct page_style style = {.has_colour = wants_colour(fd), .width = DEFAULT_COLUMNS};
	struct winsize size = {0};

	if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		style.width = size.ws_col;
	if (style.width < MIN_COLUMNS)
		style.width = MIN_COLUMNS;
	if (style.width > MAX_COLUMNS)
		style.width = MAX_COLUMNS;
	return style;
}
