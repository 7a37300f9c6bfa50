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
	{"build-timeout", "timeout"},
	{"build-max-silent-time", "max-silent-time"},
	{"build-compress-log", "compress-build-log"},
	{"build-keep-log", "keep-build-log"},
};

/* What every Nix since 2.8 knows: one that does not know a setting passes over it with a warning,
 * whatever its value is. */
static const char *const switches[] = {
	"accept-flake-config",
	"allow-dirty",
	"allow-import-from-derivation",
	"allow-new-privileges",
	"allow-symlinked-store",
	"allow-unsafe-native-code-during-evaluation",
	"auto-optimise-store",
	"builders-use-substitutes",
	"compress-build-log",
	"eval-cache",
	"fallback",
	"filter-syscalls",
	"fsync-metadata",
	"http2",
	"impersonate-linux-26",
	"keep-build-log",
	"keep-derivations",
	"keep-env-derivations",
	"keep-failed",
	"keep-going",
	"keep-outputs",
	"preallocate-contents",
	"print-missing",
	"pure-eval",
	"require-sigs",
	"restrict-eval",
	"run-diff-hook",
	"sandbox-fallback",
	"show-trace",
	"substitute",
	"sync-before-registering",
	"trace-function-calls",
	"use-case-hack",
	"use-registries",
	"use-sqlite-wal",
	"warn-dirty",
};

static const char *const numbers[] = {
	"build-poll-interval",
	"connect-timeout",
	"cores",
	"download-attempts",
	"http-connections",
	"log-lines",
	"max-build-log-size",
	"max-free",
	"min-free",
	"min-free-check-interval",
	"nar-buffer-size",
	"narinfo-cache-negative-ttl",
	"narinfo-cache-positive-ttl",
	"stalled-download-timeout",
	"tarball-ttl",
};

/* These may be negative too. */
static const char *const signed_numbers[] = {
	"gc-reserved-space",
	"max-silent-time",
	"timeout",
};

static const char *const sandbox_modes[] = {"true", "relaxed", "false"};

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

/* Digits alone, where Nix takes no unit. */
static bool is_plain_number(const char *value)
{
	return *value && !value[strspn(value, "0123456789")];
}

bool nix_conf_value_is_valid(const char *name, const char *value)
{
	const char *canonical = nix_conf_canonical_name(name);

	if (is_in(switches, COUNT(switches), canonical))
		return nix_conf_value_is_true(value) || is_false(value);
	if (is_in(numbers, COUNT(numbers), canonical))
		return is_number(value);
	if (is_in(signed_numbers, COUNT(signed_numbers), canonical))
		return is_number(value + (*value == '-'));
	if (strcmp(canonical, "max-jobs") == 0)
		return strcmp(value, "auto") == 0 || is_plain_number(value);
	if (strcmp(canonical, "sandbox") == 0) /* neither yes nor no, which switches take */
		return is_in(sandbox_modes, COUNT(sandbox_modes), value);
	return true;
}
