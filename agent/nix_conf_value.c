/* SPDX-License-Identifier: Zlib */
/* Names and values of Nix's settings. */
#include "agent/nix_conf_value.h"

#include <stddef.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Nix takes both names. */
static const struct {
	const char *alias, *name;
} aliases[] = {
	{"binary-caches", "substituters"},
	{"binary-cache-public-keys", "trusted-public-keys"},
	{"trusted-binary-caches", "trusted-substituters"},
	{"build-fallback", "fallback"},
	{"build-max-jobs", "max-jobs"},
	{"build-cores", "cores"},
	{"build-use-chroot", "sandbox"},
	{"build-use-sandbox", "sandbox"},
	{"build-use-substitutes", "substitute"},
	{"filetransfer-retry-attempts", "download-attempts"},
};

static const char *const switches[] = {
	"accept-flake-config",
	"allow-dirty",
	"allow-import-from-derivation",
	"always-allow-substitutes",
	"auto-allocate-uids",
	"auto-optimise-store",
	"builders-use-substitutes",
	"eval-cache",
	"fallback",
	"http2",
	"keep-build-log",
	"keep-derivations",
	"keep-failed",
	"keep-going",
	"keep-outputs",
	"preallocate-contents",
	"pure-eval",
	"require-sigs",
	"restrict-eval",
	"sandbox-fallback",
	"show-trace",
	"substitute",
	"sync-before-registering",
	"use-case-hack",
	"use-cgroups",
	"use-registries",
	"use-sqlite-wal",
	"use-xdg-base-directories",
	"warn-dirty",
};

static const char *const numbers[] = {
	"build-poll-interval",
	"connect-timeout",
	"cores",
	"download-attempts",
	"download-buffer-size",
	"http-connections",
	"log-lines",
	"max-build-log-size",
	"max-free",
	"max-silent-time",
	"max-substitution-jobs",
	"min-free",
	"narinfo-cache-negative-ttl",
	"narinfo-cache-positive-ttl",
	"stalled-download-timeout",
	"tarball-ttl",
	"timeout",
};

static bool is_in(const char *const *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

const char *nix_conf_canonical_name(const char *name)
{
	for (size_t i = 0; i < COUNT(aliases); i++)
		if (strcmp(aliases[i].alias, name) == 0)
			return aliases[i].name;
	return name;
}

bool nix_conf_value_is_true(const char *value)
{
	return strcmp(value, "true") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "1") == 0;
}

static bool is_false(const char *value)
{
	return strcmp(value, "false") == 0 || strcmp(value, "no") == 0 || strcmp(value, "0") == 0;
}

/* Digits, and a unit of 1024 as newer versions take it. */
static bool is_number(const char *value)
{
	size_t digits = strspn(value, "0123456789");
	const char *unit = value + digits;

	return digits > 0 && (!*unit || (strchr("KMGTkmgt", *unit) && !unit[1]));
}

bool nix_conf_value_is_valid(const char *name, const char *value)
{
	const char *canonical = nix_conf_canonical_name(name);

	if (is_in(switches, COUNT(switches), canonical))
		return nix_conf_value_is_true(value) || is_false(value);
	if (is_in(numbers, COUNT(numbers), canonical))
		return is_number(value);
	return true;
}
