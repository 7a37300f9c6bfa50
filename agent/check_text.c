/* SPDX-License-Identifier: Zlib */
/* A file's lines, held against the contract. Prose, scripts and configuration look alike here: what
 * counts is a whole word that names a host, a namespace or a variable that is ruled out. */
#include "agent/check_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/check_filter.h"
#include "agent/check_setting.h"
#include "agent/cleanup.h"
#include "agent/contract.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define WORD_MAX_BYTES 4096u
#define VALUE_MAX_BYTES 200u
#define SEPARATORS " \t\r\v\f\"'`<>()[]{},;|=\\*&?#!$^"
#define SENTENCE_ENDS ".:/"

/* ---- hits */

void check_hits_release(struct check_hits *hits)
{
	for (size_t i = 0; i < hits->count; i++) {
		free(hits->items[i].file);
		free(hits->items[i].value);
	}
	free(hits->items);
	*hits = (struct check_hits){0};
}

void check_text_hit(struct check_text *text, size_t column, const char *value,
		    const struct out_of_contract *row)
{
	CLEANUP_STRBUF struct strbuf shown = STRBUF_INIT(WORD_MAX_BYTES);
	struct check_hits *hits = text->hits;

	hits->found++;
	if (hits->count == CHECK_MAX_HITS)
		return;
	text_redact_urls(&shown, value);
	hits->items = mem_grow(hits->items, hits->count + 1, sizeof(*hits->items));
	hits->items[hits->count++] = (struct check_hit){
		.file = mem_strdup(text->file),
		.line = text->line,
		.column = text->column + (unsigned int)column + 1,
		.value = text_cleaned(shown.data, VALUE_MAX_BYTES),
		.row = row,
	};
}

/* ---- patterns */

/* "*fuzzy-dev*" means the host or the namespace, not "fuzzy-developers": where a star lets anything
 * follow, no letter or digit may touch the part that is meant. */
static bool is_apart(const char *word, const char *core, const char *pattern)
{
	size_t length = strlen(core);
	bool is_open_before = *pattern == '*' && isalnum((unsigned char)*core);
	bool is_open_behind =
		text_ends_with(pattern, "*") && isalnum((unsigned char)core[length - 1]);

	for (const char *at = strstr(word, core); at; at = strstr(at + 1, core))
		if (!(is_open_before && at > word && isalnum((unsigned char)at[-1])) &&
		    !(is_open_behind && isalnum((unsigned char)at[length])))
			return true;
	return false;
}

static bool fits(const char *word, const char *core, const char *pattern)
{
	return text_matches_wildcard(word, pattern) && is_apart(word, core, pattern);
}

/* The "host:port" of a URL or of what merely looks like its beginning; the caller frees. */
static char *host_and_port_of(const char *word)
{
	const char *mark = strstr(word, "://");
	const char *host = mark ? mark + 3 : word;
	size_t length = strcspn(host, "/");
	const char *at = memrchr(host, '@', length);
	char *found =
		mem_strndup(at ? at + 1 : host, at ? length - (size_t)(at + 1 - host) : length);

	for (char *c = found; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return found;
}

/* The word itself ("TF_HTTP_ADDRESS", a namespace), what follows its last dot ("secrets.NAME"), its
 * host with the port, and the host alone. */
static bool word_fits(const char *word, const char *core, const char *pattern)
{
	CLEANUP_FREE char *host = host_and_port_of(word);
	const char *dot = strrchr(word, '.');

	if (fits(word, core, pattern) || fits(host, core, pattern) ||
	    (dot && text_is_variable_name(dot + 1) && fits(dot + 1, core, pattern)))
		return true;
	host[strcspn(host, ":")] = '\0';
	return fits(host, core, pattern);
}

static void match_words(struct check_text *text, const char *line, const char *core,
			const struct out_of_contract *row)
{
	const char *at = line;

	for (at += strspn(at, SEPARATORS); *at; at += strspn(at, SEPARATORS)) {
		size_t length = strcspn(at, SEPARATORS);
		size_t kept = length < WORD_MAX_BYTES ? length : WORD_MAX_BYTES;
		CLEANUP_FREE char *word = mem_strndup(at, kept);

		while (kept && strchr(SENTENCE_ENDS, word[kept - 1]))
			word[--kept] = '\0';
		if (word_fits(word, core, row->match))
			check_text_hit(text, (size_t)(at - line), word, row);
		at += length;
	}
}

/* What was never expanded is a question of where it stands: check_setting.c. */
static void match_rows(struct check_text *text, const char *line)
{
	const struct contract *contract = text->contract;

	for (size_t i = 0; i < contract->out_of_contract_count; i++) {
		const struct out_of_contract *row = &contract->out_of_contract[i];
		CLEANUP_FREE char *core = NULL;

		if (!row->match || strstr(row->match, "${"))
			continue;
		core = check_filter_core(row->match);
		if (*core && strcasestr(line, core))
			match_words(text, line, core, row);
	}
}

/* ---- a file */

void check_text_begin(struct check_text *text, const char *file)
{
	text->file = file;
	text->line = 1;
	text->column = 0;
	text->first = text->hits->count;
	text->is_proof_declared = false;
}

static bool declares_proof(const char *line)
{
	const char *at = strstr(line, CHECK_PROOF_VARIABLE);

	if (!at)
		return false;
	at += strlen(CHECK_PROOF_VARIABLE);
	at += strspn(at, " \t=:\"'");
	return text_starts_with(at, "true");
}

void check_text_line(struct check_text *text, const char *line)
{
	text->is_proof_declared |= declares_proof(line);
	match_rows(text, line);
	check_setting_line(text, line);
}

void check_text_end(struct check_text *text)
{
	const struct out_of_contract *localhost =
		contract_rule(text->contract, CONTRACT_RULE_LOCALHOST);
	struct check_hits *hits = text->hits;
	size_t kept = text->first;

	if (!text->is_proof_declared)
		return;
	for (size_t i = text->first; i < hits->count; i++) {
		if (hits->items[i].row != localhost) {
			hits->items[kept++] = hits->items[i];
			continue;
		}
		free(hits->items[i].file);
		free(hits->items[i].value);
		hits->found--;
	}
	hits->count = kept;
}
