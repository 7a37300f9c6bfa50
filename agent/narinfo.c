/* SPDX-License-Identifier: Zlib */
/* narinfo files, store paths and Nix's signing keys. */
#include "agent/narinfo.h"

#include <string.h>

#include "agent/cleanup.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define STORE_PREFIX NIX_STORE_DIRECTORY "/"
#define MAX_NAME_LENGTH 211u /* of a store path's name, as Nix has it */
#define MAX_FINGERPRINT_BYTES (4u << 20)
#define MAX_LINES 4096u

/* Nix takes any name without a colon; what these leave out would break a configuration line. */
static const char key_name_characters[] = "0123456789abcdefghijklmnopqrstuvwxyz"
					  "ABCDEFGHIJKLMNOPQRSTUVWXYZ+-._@/";

bool nix_key_parse(const char *text, struct nix_key *ret)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;

	if (!length || length >= sizeof(ret->name) || strspn(text, key_name_characters) != length)
		return false;
	memcpy(ret->name, text, length);
	ret->name[length] = '\0';
	return encoding_base64_decode(colon + 1, strlen(colon + 1), ret->bytes,
				      sizeof(ret->bytes)) == (ptrdiff_t)sizeof(ret->bytes);
}

/* "<hash>-<name>" of LENGTH bytes. */
static bool is_base_name(const char *text, size_t length)
{
	static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ+-._?=";

	if (length < NIX_HASH_PART_LENGTH + 2 ||
	    length > NIX_HASH_PART_LENGTH + 1 + MAX_NAME_LENGTH)
		return false;
	return strspn(text, "0123456789abcdfghijklmnpqrsvwxyz") >= NIX_HASH_PART_LENGTH &&
	       text[NIX_HASH_PART_LENGTH] == '-' && strspn(text, plain) >= length;
}

bool nix_store_path_is_valid(const char *path)
{
	const char *name = path + strlen(STORE_PREFIX);

	return text_starts_with(path, STORE_PREFIX) && is_base_name(name, strlen(name));
}

char *nix_store_path_of(const char *path)
{
	const char *name = path + strlen(STORE_PREFIX);
	size_t length;

	if (!text_starts_with(path, STORE_PREFIX))
		return NULL;
	length = strcspn(name, "/");
	if (!is_base_name(name, length))
		return NULL;
	return mem_strndup(path, strlen(STORE_PREFIX) + length);
}

static size_t list_length(char *const *list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

static void list_add(char ***list, const char *text, size_t length)
{
	size_t count = list_length(*list);

	*list = mem_grow(*list, count + 2, sizeof(**list));
	(*list)[count] = mem_strndup(text, length);
	(*list)[count + 1] = NULL;
}

static void list_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

void narinfo_release(struct narinfo *narinfo)
{
	free(narinfo->store_path);
	free(narinfo->url);
	list_free(narinfo->references);
	list_free(narinfo->signatures);
	*narinfo = (struct narinfo){0};
}

static int read_text(char **slot, const char *value, size_t length)
{
	if (*slot || !length)
		return -1;
	*slot = mem_strndup(value, length);
	return 0;
}

static int read_store_path(struct narinfo *narinfo, const char *value, size_t length)
{
	if (read_text(&narinfo->store_path, value, length))
		return -1;
	return nix_store_path_is_valid(narinfo->store_path) ? 0 : -1;
}

static int read_url(struct narinfo *narinfo, const char *value, size_t length)
{
	return read_text(&narinfo->url, value, length);
}

/* However it is written, the signature is over the hash in Nix's base 32. */
static int read_nar_hash(struct narinfo *narinfo, const char *value, size_t length)
{
	static const char prefix[] = "sha256:";
	size_t skip = sizeof(prefix) - 1;

	if (narinfo->has_nar_hash || length < skip || memcmp(value, prefix, skip) != 0)
		return -1;
	narinfo->has_nar_hash = encoding_digest_decode(
		value + skip, length - skip, narinfo->nar_hash, sizeof(narinfo->nar_hash));
	return narinfo->has_nar_hash ? 0 : -1;
}

static int read_nar_size(struct narinfo *narinfo, const char *value, size_t length)
{
	CLEANUP_FREE char *text = mem_strndup(value, length);
	unsigned long size;

	if (narinfo->nar_size || !text_to_number(text, 1, INT64_MAX, &size))
		return -1;
	narinfo->nar_size = (int64_t)size;
	return 0;
}

static int compare_texts(const void *a, const void *b)
{
	char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

/* Nix signs the references as a set: sorted, each once. */
static void sort_unique(char **list)
{
	size_t count = list_length(list), kept = 0;

	if (!list || !count)
		return;
	qsort(list, count, sizeof(*list), compare_texts);
	for (size_t i = 0; i < count; i++) {
		if (kept && strcmp(list[kept - 1], list[i]) == 0)
			free(list[i]);
		else
			list[kept++] = list[i];
	}
	list[kept] = NULL;
}

static int read_references(struct narinfo *narinfo, const char *value, size_t length)
{
	const char *end = value + length;

	if (narinfo->references)
		return -1;
	while (value < end) {
		size_t word;

		if (*value == ' ') {
			value++;
			continue;
		}
		word = strcspn(value, " \r\n");
		if (!is_base_name(value, word))
			return -1;
		list_add(&narinfo->references, value, word);
		value += word;
	}
	sort_unique(narinfo->references);
	return 0;
}

static int read_signature(struct narinfo *narinfo, const char *value, size_t length)
{
	list_add(&narinfo->signatures, value, length);
	return 0;
}

static const struct field {
	const char *name;
	int (*read)(struct narinfo *narinfo, const char *value, size_t length);
} fields[] = {
	{"StorePath", read_store_path},  {"URL", read_url},
	{"NarHash", read_nar_hash},      {"NarSize", read_nar_size},
	{"References", read_references}, {"Sig", read_signature},
};

static int read_line(struct narinfo *narinfo, const char *line, size_t length, struct error *error)
{
	const char *colon = memchr(line, ':', length);
	size_t name_length = colon ? (size_t)(colon - line) : 0;

	/* "References:" and no more is how a path without any may be written. */
	if (colon && name_length + 1 == length)
		return 0;
	if (!colon || colon[1] != ' ')
		return error_set(error, ERROR_USAGE, "a line is not \"Name: value\"");
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const struct field *field = &fields[i];

		if (strlen(field->name) != name_length ||
		    memcmp(field->name, line, name_length) != 0)
			continue;
		if (field->read(narinfo, colon + 2, length - name_length - 2))
			return error_set(error, ERROR_USAGE, "bad or repeated field \"%s\"",
					 field->name);
	}
	return 0;
}

static int check_complete(const struct narinfo *narinfo, struct error *error)
{
	const struct {
		const char *name;
		bool is_there;
	} required[] = {
		{"StorePath", narinfo->store_path},
		{"URL", narinfo->url},
		{"NarHash", narinfo->has_nar_hash},
		{"NarSize", narinfo->nar_size},
	};

	for (size_t i = 0; i < sizeof(required) / sizeof(*required); i++)
		if (!required[i].is_there)
			return error_set(error, ERROR_USAGE, "the field \"%s\" is missing",
					 required[i].name);
	return 0;
}

static int parse_lines(const char *text, struct narinfo *narinfo, struct error *error)
{
	for (unsigned int lines = 0; *text; lines++) {
		size_t length = strcspn(text, "\n");
		size_t kept = length && text[length - 1] == '\r' ? length - 1 : length;

		if (lines == MAX_LINES)
			return error_set(error, ERROR_USAGE, "too many lines");
		if (kept && read_line(narinfo, text, kept, error))
			return -1;
		text += length + (text[length] == '\n');
	}
	return check_complete(narinfo, error);
}

int narinfo_parse(const char *text, size_t length, struct narinfo *ret, struct error *error)
{
	CLEANUP(narinfo_release) struct narinfo narinfo = {0};
	CLEANUP_FREE char *copy = NULL;

	if (length > NARINFO_MAX_BYTES)
		return error_set(error, ERROR_USAGE, "larger than 64 KiB");
	if (memchr(text, '\0', length))
		return error_set(error, ERROR_USAGE, "holds a NUL byte");
	copy = mem_strndup(text, length);
	if (parse_lines(copy, &narinfo, error))
		return -1;
	*ret = narinfo;
	narinfo = (struct narinfo){0};
	return 0;
}

char *narinfo_fingerprint(const struct narinfo *narinfo)
{
	struct strbuf out = STRBUF_INIT(MAX_FINGERPRINT_BYTES);

	strbuf_printf(&out, "1;%s;sha256:", narinfo->store_path);
	encoding_nix32_encode(narinfo->nar_hash, sizeof(narinfo->nar_hash), &out);
	strbuf_printf(&out, ";%lld;", (long long)narinfo->nar_size);
	for (size_t i = 0; narinfo->references && narinfo->references[i]; i++)
		strbuf_printf(&out, "%s" STORE_PREFIX "%s", i ? "," : "", narinfo->references[i]);
	return strbuf_take(&out);
}

static bool signature_verifies(const char *signature, const struct nix_key *key,
			       const char *fingerprint)
{
	const char *encoded = strchr(signature, ':') + 1;
	uint8_t bytes[DIGEST_ED25519_SIGNATURE_BYTES];

	if (encoding_base64_decode(encoded, strlen(encoded), bytes, sizeof(bytes)) !=
	    (ptrdiff_t)sizeof(bytes))
		return false;
	return digest_ed25519_verify(key->bytes, bytes, fingerprint, strlen(fingerprint));
}

enum narinfo_trust narinfo_verify(const struct narinfo *narinfo, const struct nix_key *key)
{
	CLEANUP_FREE char *fingerprint = narinfo_fingerprint(narinfo);
	enum narinfo_trust trust = narinfo->signatures ? NARINFO_OTHER_KEY : NARINFO_UNSIGNED;
	size_t name_length = strlen(key->name);

	for (size_t i = 0; narinfo->signatures && narinfo->signatures[i]; i++) {
		const char *signature = narinfo->signatures[i];

		if (strncmp(signature, key->name, name_length) != 0 ||
		    signature[name_length] != ':')
			continue;
		if (signature_verifies(signature, key, fingerprint))
			return NARINFO_SIGNED;
		trust = NARINFO_BAD_SIGNATURE;
	}
	return trust;
}
