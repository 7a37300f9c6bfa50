/* SPDX-License-Identifier: Zlib */
/* The catalogue as a table, and lists of findings. */
#include "agent/finding.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/text.h"

#define MAX_SUBJECT_BYTES 256u
#define MAX_TEXT_BYTES 1024u

static const struct finding_kind catalogue[] = {
#define FINDING(NAME, id, severity, meaning, confirm, remedy)                                      \
	[FINDING_##NAME] = {id, severity, meaning, confirm, remedy},
#include "agent/findings.def"
#undef FINDING
};

const struct finding_kind *finding_kind(enum finding_id id)
{
	return &catalogue[id];
}

bool finding_by_name(const char *name, enum finding_id *ret_id)
{
	for (unsigned int i = 0; i < FINDING_COUNT; i++) {
		if (strcmp(catalogue[i].id, name) == 0) {
			*ret_id = (enum finding_id)i;
			return true;
		}
	}
	return false;
}

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_OK] = "ok",
		[SEVERITY_NOTICE] = "notice",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_ERROR] = "error",
	};

	return names[severity];
}

static void finding_release(struct finding *finding)
{
	free(finding->probe);
	free(finding->subject);
	free(finding->detail);
	free(finding->remedy);
}

void findings_release(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		finding_release(&findings->items[i]);
	free(findings->items);
	*findings = (struct findings){0};
}

struct finding *findings_add(struct findings *findings, enum finding_id id, const char *probe,
			     const char *subject, const char *detail)
{
	struct finding *finding;

	findings->items = mem_grow(findings->items, findings->count + 1, sizeof(*findings->items));
	finding = &findings->items[findings->count++];
	*finding = (struct finding){
		.id = id,
		.severity = catalogue[id].severity,
		.probe = mem_strdup(probe),
		.subject = text_cleaned(subject, MAX_SUBJECT_BYTES),
		.detail = text_cleaned(detail, MAX_TEXT_BYTES),
		.remedy = mem_strdup(catalogue[id].remedy),
		.task_index = -1,
		.took_ms = -1,
	};
	return finding;
}

struct finding *findings_note(struct findings *findings, enum finding_id id, const char *subject,
			      const char *format, ...)
{
	CLEANUP_FREE char *detail = NULL;
	va_list args;

	va_start(args, format);
	detail = mem_vformat(format, args);
	va_end(args);
	return findings_add(findings, id, "spinup", subject, detail);
}

void finding_set_remedy(struct finding *finding, const char *remedy)
{
	free(finding->remedy);
	finding->remedy = text_cleaned(remedy, MAX_TEXT_BYTES);
}

void findings_drop(struct findings *findings, int task_index)
{
	size_t kept = 0;

	for (size_t i = 0; i < findings->count; i++) {
		if (findings->items[i].task_index == task_index)
			finding_release(&findings->items[i]);
		else
			findings->items[kept++] = findings->items[i];
	}
	findings->count = kept;
}

void finding_become(struct finding *finding, enum finding_id id, const char *why)
{
	CLEANUP_FREE char *old = finding->detail;
	CLEANUP_FREE char *detail = mem_format("%s; %s", old, why);

	finding->id = id;
	finding->severity = catalogue[id].severity;
	finding->detail = text_cleaned(detail, MAX_TEXT_BYTES);
	finding_set_remedy(finding, catalogue[id].remedy);
}

void findings_lead(struct findings *findings, size_t index, enum severity severity)
{
	struct finding leading = findings->items[index];

	memmove(&findings->items[1], &findings->items[0], index * sizeof(leading));
	leading.severity = severity;
	findings->items[0] = leading;
}

const struct finding *findings_find(const struct findings *findings, enum finding_id id)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].id == id)
			return &findings->items[i];
	return NULL;
}
