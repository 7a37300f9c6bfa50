/* SPDX-License-Identifier: Zlib */
/* Hiding what must not be shown. */
#include "agent/redact.h"

#include <string.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/result.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define SHOWN_MAX_BYTES 65536u

/* Hiding each "a" of a text would tell more of the secret than it hides. */
#define SECRET_MIN_BYTES 4u

/* The longest secret that begins at TEXT: one may be the beginning of another. */
static size_t secret_length(const char *text, const char *const *secrets)
{
	size_t longest = 0;

	for (size_t i = 0; secrets && secrets[i]; i++) {
		size_t length;

		if (*secrets[i] != *text) /* before its length is counted: a token may be long */
			continue;
		length = strlen(secrets[i]);
		if (length >= SECRET_MIN_BYTES && length > longest &&
		    strncmp(text, secrets[i], length) == 0)
			longest = length;
	}
	return longest;
}

void redact_secrets(struct strbuf *out, const char *text, const char *const *secrets)
{
	while (*text) {
		size_t length = secret_length(text, secrets);

		if (length) {
			strbuf_puts(out, "***");
			text += length;
		} else {
			strbuf_putc(out, *text++);
		}
	}
}

/* All secrets that this run knows of; the array is the caller's, the strings are not. */
static const char **known_secrets(const struct result *result)
{
	const struct environment *environment = result->environment;
	const char **list = mem_alloc(2, sizeof(*list));
	size_t count = 0;

	if (result->job->context.attic_token)
		list[count++] = result->job->context.attic_token;
	for (size_t i = 0; environment && i < environment->count; i++) {
		char *const *secrets = environment->variables[i].secrets;

		for (size_t j = 0; secrets && secrets[j]; j++) {
			list = mem_grow(list, count + 2, sizeof(*list));
			list[count++] = secrets[j];
		}
	}
	list[count] = NULL;
	return list;
}

static void redact(const struct result *result, const char *text, struct strbuf *out)
{
	CLEANUP_STRBUF struct strbuf hidden = STRBUF_INIT(SHOWN_MAX_BYTES);
	CLEANUP_FREE const char **secrets = known_secrets(result);

	redact_secrets(&hidden, text, secrets);
	text_redact_urls(out, hidden.data);
}

char *redact_line(const struct result *result, const char *text)
{
	CLEANUP_STRBUF struct strbuf hidden = STRBUF_INIT(SHOWN_MAX_BYTES);

	if (!text)
		return NULL;
	redact(result, text, &hidden);
	return text_cleaned(hidden.data, SHOWN_MAX_BYTES);
}

char *redact_lines(const struct result *result, const char *text)
{
	CLEANUP_STRBUF struct strbuf hidden = STRBUF_INIT(SHOWN_MAX_BYTES);
	struct strbuf out = STRBUF_INIT(SHOWN_MAX_BYTES);

	if (!text)
		return NULL;
	redact(result, text, &hidden);
	for (const char *line = hidden.data; *line;) {
		size_t length = strcspn(line, "\n");
		CLEANUP_FREE char *copy = mem_strndup(line, length);

		text_clean(&out, copy, SHOWN_MAX_BYTES);
		if (line[length])
			strbuf_putc(&out, '\n');
		line += length + (line[length] == '\n');
	}
	return strbuf_take(&out);
}

char *redact_subject(const struct result *result, const struct finding *finding)
{
	if (strcmp(finding->subject, finding->probe) == 0 ||
	    text_starts_with(finding->detail, finding->subject))
		return mem_strdup("");
	return redact_line(result, finding->subject);
}

char *redact_past_subject(const struct result *result, const struct history_finding *past)
{
	struct finding finding = {
		.probe = past->probe, .subject = past->subject, .detail = past->detail};

	return redact_subject(result, &finding);
}
