/* SPDX-License-Identifier: Zlib */
/* The contract's label table: JSON members to struct lane. */
#pragma once

#include <stdbool.h>

struct contract;
struct json;
struct json_reader;

/* Reads the object LANES into the contract. Returns 0, or -1 with the reader's error. */
int contract_read_lanes(struct json_reader *reader, const struct json *lanes,
			struct contract *contract);

/* A json_field reader: mebibytes into an int64_t of bytes. */
int contract_read_mebibytes(struct json_reader *reader, const struct json *value, void *slot);

/* A json_field reader: an http or https URL without user info. */
int contract_read_web_url(struct json_reader *reader, const struct json *value, void *slot);

/* Whether the contract may speak of TEXT, a kind of machine such as "x86_64-linux". */
bool contract_knows_system(const char *text);
