/* SPDX-License-Identifier: Zlib */
/* The worst findings, as annotations of GitHub's and GitLab's. */
#include "agent/annotations.h"

#include <stdlib.h>

#include "agent/cleanup.h"
#include "agent/github.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/redact.h"
#include "agent/result.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/version.h"

#define MESSAGE_MAX_BYTES 8192u
#define LABEL_MAX_BYTES 200u
#define MAX_ERRORS 1u /* the runner keeps ten of a kind for a whole composite action */
#define MAX_WARNINGS 3u
#define MEANING_URL                                                                                \
	"https://github.com/tinyland-inc/spinup/blob/v" SPINUP_VERSION "/REFERENCE.md#findings"

struct annotation {
	const struct finding *finding;
	size_t more; /* of its kind that are not shown, said with the last one */
};

struct annotation_list {
	struct annotation items[MAX_ERRORS + MAX_WARNINGS];
	size_t count;
};

static void choose(const struct findings *findings, enum severity severity, size_t most,
		   struct annotation_list *ret)
{
	size_t total = 0, shown = 0;

	for (size_t i = 0; i < findings->count; i++)
		total += findings->items[i].severity == severity;
	for (size_t i = 0; i < findings->count && shown < most; i++) {
		if (findings->items[i].severity != severity)
			continue;
		shown++;
		ret->items[ret->count++] = (struct annotation){
			.finding = &findings->items[i],
			.more = shown == most ? total - shown : 0,
		};
	}
}

static struct annotation_list choose_all(const struct result *result)
{
	struct annotation_list list = {.count = 0};

	choose(&result->run->findings, SEVERITY_ERROR, MAX_ERRORS, &list);
	choose(&result->run->findings, SEVERITY_WARNING, MAX_WARNINGS, &list);
	return list;
}

/* "attic main: connection refused" */
static void add_seen(const struct result *result, const struct finding *finding, struct strbuf *out)
{
	CLEANUP_FREE char *subject = redact_subject(result, finding);
	CLEANUP_FREE char *detail = redact_line(result, finding->detail);

	strbuf_printf(out, "%s%s%s: %s", finding->probe, *subject ? " " : "", subject, detail);
}

static void print_github(const struct result *result, const struct annotation *annotation,
			 struct strbuf *out)
{
	const struct finding *finding = annotation->finding;
	CLEANUP_STRBUF struct strbuf title = STRBUF_INIT(256);
	CLEANUP_STRBUF struct strbuf message = STRBUF_INIT(MESSAGE_MAX_BYTES);
	CLEANUP_FREE char *remedy = redact_line(result, finding->remedy);

	strbuf_printf(&title, "spinup: %s", finding_kind(finding->id)->id);
	add_seen(result, finding, &message);
	if (remedy && *remedy)
		strbuf_printf(&message, "\n%s", remedy);
	if (annotation->more)
		strbuf_printf(&message, "\nAnd %zu more of this kind: see the summary.",
			      annotation->more);
	github_annotation(out, severity_name(finding->severity), title.data, message.data);
}

void annotations_print(const struct result *result, struct strbuf *out)
{
	struct annotation_list list = choose_all(result);

	for (size_t i = 0; i < list.count; i++)
		print_github(result, &list.items[i], out);
}

static void add_gitlab(const struct result *result, const struct finding *finding,
		       struct json *array)
{
	struct json *link = json_add_object(json_append_object(array), "external_link");
	CLEANUP_STRBUF struct strbuf seen = STRBUF_INIT(MESSAGE_MAX_BYTES);
	CLEANUP_FREE char *label = NULL;

	strbuf_printf(&seen, "%s, %s: ", severity_name(finding->severity),
		      finding_kind(finding->id)->id);
	add_seen(result, finding, &seen);
	label = text_cleaned(seen.data, LABEL_MAX_BYTES);
	json_add_string(link, "label", label);
	json_add_string(link, "url", MEANING_URL);
}

void annotations_print_gitlab(const struct result *result, struct strbuf *out)
{
	CLEANUP_JSON struct json *document = json_new_object();
	struct json *array = json_add_array(document, "spinup");
	struct annotation_list list = choose_all(result);

	for (size_t i = 0; i < list.count; i++)
		add_gitlab(result, list.items[i].finding, array);
	json_print(document, false, out);
}
