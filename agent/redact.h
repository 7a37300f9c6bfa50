/* SPDX-License-Identifier: Zlib */
/* Whatever is shown goes through here: secrets become "***", and no text can pass for a command of
 * the runner. */
#pragma once

struct finding;
struct history_finding;
struct result;
struct strbuf;

/* Appends TEXT with every occurrence of the SECRETS (NULL-terminated, NULL allowed) as "***". */
void redact_secrets(struct strbuf *out, const char *text, const char *const *secrets);

/* TEXT as one line that may be shown: without the run's secrets (tokens, what the environment's
 * variables declare), without passwords in URLs, cleaned. The caller frees. NULL stays NULL. */
char *redact_line(const struct result *result, const char *text);

/* The same, with the line breaks kept. */
char *redact_lines(const struct result *result, const char *text);

/* The finding's subject, "" where it only repeats the probe's name, or where the detail
 * begins with it. The caller frees. */
char *redact_subject(const struct result *result, const struct finding *finding);

/* The same for a finding of an earlier surface. */
char *redact_past_subject(const struct result *result, const struct history_finding *past);
