/* SPDX-License-Identifier: Zlib */
/* The parser of Nix's configuration, and look-ups in what it read. */
#include "agent/nix_conf.h"

#include <errno.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/nix_conf_value.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/words.h"

#define MAX_SETTINGS 4096u
#define MAX_PROBLEMS 16u
#define MAX_LINE_BYTES 65536u
#define WHITE_SPACE " \t\n\r" /* of Nix's tokenizeString */

/* The file that is being parsed. */
struct source {
	struct nix_conf *conf;
	const struct nix_conf_reader *reader; /* NULL: includes are passed over */
	const char *file;
	unsigned int line;
	unsigned int depth;
	enum nix_conf_layer layer;
};

static void add_problem(const struct source *source, enum nix_conf_problem_kind kind,
			const char *text)
{
	struct nix_conf *conf = source->conf;

	if (conf->problem_count >= MAX_PROBLEMS)
		return;
	conf->problems = mem_grow(conf->problems, conf->problem_count + 1, sizeof(*conf->problems));
	conf->problems[conf->problem_count++] = (struct nix_conf_problem){
		.kind = kind,
		.file = mem_strdup(source->file),
		.line = source->line,
		.text = mem_strdup(text),
	};
}

static void add_setting(const struct source *source, const struct words *words)
{
	const struct words value = {words->items + 2, words->count - 2};
	struct nix_conf *conf = source->conf;
	struct nix_conf_setting *setting;

	if (conf->setting_count >= MAX_SETTINGS) {
		add_problem(source, NIX_CONF_TOO_LARGE, source->file);
		return;
	}
	conf->settings = mem_grow(conf->settings, conf->setting_count + 1, sizeof(*conf->settings));
	setting = &conf->settings[conf->setting_count++];
	*setting = (struct nix_conf_setting){
		.name = mem_strdup(words->items[0]),
		.value = words_join(&value, ' '),
		.file = mem_strdup(source->file),
		.line = source->line,
		.layer = source->layer,
	};
	if (!nix_conf_value_is_valid(setting->name, setting->value))
		add_problem(source, NIX_CONF_BAD_VALUE, setting->name);
}

static void parse_text(struct source *source, const char *text);

/* NAME as seen from the including file. NULL: relative, and NIX_CONFIG is in no directory. */
static char *included_path(const struct source *source, const char *name)
{
	const char *slash = strrchr(source->file, '/');

	if (name[0] == '/')
		return mem_strdup(name);
	if (!slash)
		return NULL;
	return mem_format("%.*s/%s", (int)(slash - source->file), source->file, name);
}

static void report_unread(const struct source *source, const char *path, bool may_be_missing)
{
	int reason = errno;

	if (reason == ENOENT || reason == ENOTDIR) {
		if (!may_be_missing)
			add_problem(source, NIX_CONF_INCLUDE_MISSING, path);
	} else {
		add_problem(source, reason == EFBIG ? NIX_CONF_TOO_LARGE : NIX_CONF_UNREADABLE,
			    path);
	}
}

static void include(const struct source *source, const char *name, bool may_be_missing)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(NIX_CONF_MAX_FILE_BYTES);
	CLEANUP_FREE char *path = included_path(source, name);
	struct source included = {
		.conf = source->conf,
		.reader = source->reader,
		.file = path,
		.depth = source->depth + 1,
		.layer = source->layer,
	};

	/* Nix stops there, be the file missing or not, and "!include" with it. */
	if (!path)
		add_problem(source, NIX_CONF_INCLUDE_RELATIVE, name);
	if (!source->reader || !path)
		return;
	if (included.depth > NIX_CONF_MAX_DEPTH)
		add_problem(source, NIX_CONF_INCLUDE_DEPTH, path);
	else if (source->reader->read(source->reader->data, path, &text) < 0)
		report_unread(source, path, may_be_missing);
	else
		parse_text(&included, text.data);
}

static bool is_include(const char *word)
{
	return strcmp(word, "include") == 0 || strcmp(word, "!include") == 0;
}

/* A '#' begins a comment wherever it stands: no value can hold one. */
static void parse_line(const struct source *source, char *line)
{
	CLEANUP_WORDS struct words words = {0};

	line[strcspn(line, "#")] = '\0';
	words_split(&words, line, WHITE_SPACE);
	if (words.count == 0)
		return;
	if (words.count == 2 && is_include(words.items[0]))
		include(source, words.items[1], words.items[0][0] == '!');
	else if (words.count >= 2 && !is_include(words.items[0]) &&
		 strcmp(words.items[1], "=") == 0)
		add_setting(source, &words);
	else
		add_problem(source, NIX_CONF_SYNTAX, line);
}

/* A circle of includes would multiply at each turn, were problems not counted. */
static void parse_text(struct source *source, const char *text)
{
	while (*text && source->conf->problem_count < MAX_PROBLEMS) {
		size_t length = strcspn(text, "\n");
		CLEANUP_FREE char *line = mem_strndup(text, length);

		source->line++;
		if (length <= MAX_LINE_BYTES)
			parse_line(source, line);
		else
			add_problem(source, NIX_CONF_TOO_LARGE, source->file);
		text += length + (text[length] == '\n');
	}
}

void nix_conf_parse(struct nix_conf *conf, const struct nix_conf_reader *reader, const char *text,
		    const char *file, enum nix_conf_layer layer)
{
	struct source source = {
		.conf = conf,
		.reader = reader,
		.file = file,
		.layer = layer,
	};

	parse_text(&source, text);
}

void nix_conf_parse_file(struct nix_conf *conf, const struct nix_conf_reader *reader,
			 const char *path, enum nix_conf_layer layer)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(NIX_CONF_MAX_FILE_BYTES);
	struct source source = {.conf = conf, .file = path, .layer = layer};

	if (reader->read(reader->data, path, &text) == 0)
		nix_conf_parse(conf, reader, text.data, path, layer);
	else
		report_unread(&source, path, true);
}

void nix_conf_release(struct nix_conf *conf)
{
	for (size_t i = 0; i < conf->setting_count; i++) {
		free(conf->settings[i].name);
		free(conf->settings[i].value);
		free(conf->settings[i].file);
	}
	for (size_t i = 0; i < conf->problem_count; i++) {
		free(conf->problems[i].file);
		free(conf->problems[i].text);
	}
	free(conf->settings);
	free(conf->problems);
	*conf = (struct nix_conf){0};
}

bool nix_conf_problem_is_fatal(const struct nix_conf_problem *problem)
{
	return problem->kind != NIX_CONF_UNREADABLE && problem->kind != NIX_CONF_TOO_LARGE;
}

bool nix_conf_is_valid(const struct nix_conf *conf)
{
	for (size_t i = 0; i < conf->problem_count; i++)
		if (nix_conf_problem_is_fatal(&conf->problems[i]))
			return false;
	return true;
}

const char *nix_conf_problem_text(enum nix_conf_problem_kind kind)
{
	static const char *const texts[] = {
		[NIX_CONF_SYNTAX] = "expected \"name = value\", with white space around the \"=\"",
		[NIX_CONF_BAD_VALUE] = "this setting cannot have that value",
		[NIX_CONF_INCLUDE_MISSING] = "the included file does not exist",
		[NIX_CONF_INCLUDE_DEPTH] = "files include each other too deeply, or in a circle",
		[NIX_CONF_INCLUDE_RELATIVE] = "NIX_CONFIG can include absolute paths only",
		[NIX_CONF_UNREADABLE] = "cannot be read by this user, so Nix passes over it",
		[NIX_CONF_TOO_LARGE] = "larger than a configuration should be; not read to its end",
	};

	return texts[kind];
}

/* ---- look-ups */

const struct nix_conf_setting *nix_conf_find(const struct nix_conf *conf, const char *name,
					     enum nix_conf_layer first, enum nix_conf_layer last)
{
	for (size_t i = conf->setting_count; i-- > 0;) {
		const struct nix_conf_setting *setting = &conf->settings[i];

		if (setting->layer >= first && setting->layer <= last &&
		    strcmp(nix_conf_canonical_name(setting->name), name) == 0)
			return setting;
	}
	return NULL;
}

const char *nix_conf_value(const struct nix_conf *conf, const char *name, enum nix_conf_layer last,
			   const char *otherwise)
{
	const struct nix_conf_setting *setting = nix_conf_find(conf, name, NIX_CONF_SYSTEM, last);

	return setting ? setting->value : otherwise;
}

static bool is_extra(const char *setting, const char *name)
{
	return text_starts_with(setting, "extra-") &&
	       strcmp(nix_conf_canonical_name(setting + strlen("extra-")), name) == 0;
}

void nix_conf_list(const struct nix_conf *conf, const char *name, enum nix_conf_layer last,
		   const char *otherwise, struct words *ret)
{
	const struct nix_conf_setting *start = nix_conf_find(conf, name, NIX_CONF_SYSTEM, last);
	size_t i = start ? (size_t)(start - conf->settings) + 1 : 0;

	words_split(ret, start ? start->value : otherwise, WHITE_SPACE);
	for (; i < conf->setting_count; i++) {
		const struct nix_conf_setting *setting = &conf->settings[i];

		if (setting->layer <= last && is_extra(setting->name, name))
			words_split(ret, setting->value, WHITE_SPACE);
	}
}
