/* SPDX-License-Identifier: Zlib */
/* explain and version: the commands that only print. */
#include <stdio.h>
#include <string.h>

#include "agent/archive.h"
#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/digest.h"
#include "agent/error.h"
#include "agent/finding.h"
#include "agent/http.h"
#include "agent/json.h"
#include "agent/options.h"
#include "agent/sandbox.h"
#include "agent/strbuf.h"
#include "agent/version.h"

#define PRINT_MAX_BYTES 1048576u

static void print_json(struct json *document)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(PRINT_MAX_BYTES);

	json_print(document, false, &out);
	(void)fputs(out.data, stdout);
	json_free(document);
}

/* ---- explain */

static void describe(struct json *object, const struct finding_kind *kind)
{
	json_add_string(object, "id", kind->id);
	json_add_string(object, "severity", severity_name(kind->severity));
	json_add_string(object, "meaning", kind->meaning);
	json_add_string(object, "confirm", kind->confirm);
	json_add_string(object, "remedy", kind->remedy);
}

static void list_all(bool is_json)
{
	struct json *document = is_json ? json_new_object() : NULL;
	struct json *array = is_json ? json_add_array(document, "findings") : NULL;

	for (unsigned int id = 0; id < FINDING_COUNT; id++) {
		const struct finding_kind *kind = finding_kind((enum finding_id)id);

		if (is_json)
			describe(json_append_object(array), kind);
		else
			(void)printf("%-8s %s\n", severity_name(kind->severity), kind->id);
	}
	if (is_json)
		print_json(document);
}

static void explain_one(const struct finding_kind *kind, bool is_json)
{
	struct json *document;

	if (!is_json) {
		(void)printf("%s (%s)\n\n  %s\n\nTo confirm it:\n  %s\n\nTo mend it:\n  %s\n",
			     kind->id, severity_name(kind->severity), kind->meaning, kind->confirm,
			     kind->remedy);
		return;
	}
	document = json_new_object();
	describe(document, kind);
	print_json(document);
}

int command_explain(const struct command *command, const struct options *options,
		    char *const *environment, struct error *error)
{
	const char *name = options->arguments[0];
	enum finding_id id;

	(void)command;
	(void)environment;
	if (!name) {
		list_all(options->is_json);
		return 0;
	}
	if (!finding_by_name(name, &id))
		return error_set(error, ERROR_USAGE,
				 "%.64s: there is no such finding; `spinup explain` lists them",
				 name);
	explain_one(finding_kind(id), options->is_json);
	return 0;
}

/* ---- version */

int command_version(const struct command *command, const struct options *options,
		    char *const *environment, struct error *error)
{
	const struct {
		const char *name;
		const char *version;
	} parts[] = {
		{"spinup", SPINUP_VERSION},
		{"libcurl", http_library_version()},
		{"openssl", digest_library_version()},
		{"libarchive", archive_library_version()},
		{"cjson", json_library_version()},
		{"libseccomp", sandbox_library_version()},
	};
	struct json *document = options->is_json ? json_new_object() : NULL;

	(void)command;
	(void)environment;
	(void)error;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (document)
			json_add_string(document, parts[i].name, parts[i].version);
		else
			(void)printf("%s %s\n", parts[i].name, parts[i].version);
	}
	if (document)
		print_json(document);
	return 0;
}
