/* SPDX-License-Identifier: Zlib */
/* What `spinup contract` can do, one function each. Known to command_contract*.c alone. */
#pragma once

struct contract;
struct error;
struct options;
struct root;

/* Everything that a verb is given. */
struct contract_call {
	const struct options *options; /* arguments[0] is the verb */
	char *const *environment;
	const struct root *root;
	const struct contract *contract;
};

/* The exit status, or -1 with ERROR. */
int contract_attach(const struct contract_call *call, struct error *error);
int contract_check(const struct contract_call *call, struct error *error);
