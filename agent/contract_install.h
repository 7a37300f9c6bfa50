/* SPDX-License-Identifier: Zlib */
/* The contract's sources of Nix: JSON members to struct install_source. */
#pragma once

struct contract;
struct json;
struct json_reader;

/* Reads the object INSTALL into the contract. Every file must have its pin. Returns 0, or -1 with the
 * reader's error. */
int contract_read_install(struct json_reader *reader, const struct json *install,
			  struct contract *contract);
