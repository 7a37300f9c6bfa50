/* SPDX-License-Identifier: Zlib */
/* What Nix's settings may be called, and what they may hold: as far as it matters here. */
#pragma once

#include <stdbool.h>

/* One name for a setting that has several: "binary-caches" is "substituters". Others stay as they
 * are. */
const char *nix_conf_canonical_name(const char *name);

/* False for a value that makes every nix command fail: a switch that is neither true nor false, a
 * number that is none. Settings that are not known here pass: Nix only warns of unknown ones. */
bool nix_conf_value_is_valid(const char *name, const char *value);

/* Nix's own words for true. */
bool nix_conf_value_is_true(const char *value);
