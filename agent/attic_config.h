/* SPDX-License-Identifier: Zlib */
/* What an Attic server says: its cache-config JSON and its error JSON (Attic: server/src/api/v1/
 * cache_config.rs, server/src/error.rs). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define ATTIC_CONFIG_MAX_BYTES 65536u

/* A cache's name: [A-Za-z0-9][A-Za-z0-9-_+]{0,49}. */
bool attic_cache_name_is_valid(const char *name);

/* The cache's configuration. Every member is optional by Attic's schema; absent is NULL or -1. All
 * texts are the server's own: hostile. */
struct attic_config {
	char *substituter_endpoint;
	char *api_endpoint;
	char *public_key;
	char *store_dir;
	int is_public;       /* 1, 0, or -1: not said */
	int64_t priority;    /* -1: not said */
	char *upstream_keys; /* names separated by '\n'; NULL: not said */
	bool has_global_retention;
	int64_t retention_seconds; /* -1: global or not said */
};

enum attic_answer_kind {
	ATTIC_ANSWER_NOT_JSON,
	ATTIC_ANSWER_OTHER_JSON, /* without any member of Attic's schema */
	ATTIC_ANSWER_ATTIC,
};

/* Parses a 200 answer. Returns 0, or -1 with ERROR: no JSON of Attic's (see RET_KIND), or members of
 * the wrong type. */
int attic_config_parse(const char *text, size_t length, struct attic_config *ret,
		       enum attic_answer_kind *ret_kind, struct error *error);
void attic_config_release(struct attic_config *config);

/* {"code":404,"error":"NoSuchCache","message":"…"} */
struct attic_error {
	int64_t code;
	char name[64];     /* "NoSuchCache"; [A-Za-z0-9] */
	char message[256]; /* cleaned */
};

/* False when TEXT is no such JSON. */
bool attic_error_parse(const char *text, size_t length, struct attic_error *ret);
