/* SPDX-License-Identifier: Zlib */
/* contract: prints or validates the platform's contract, or judges by it. */
#include "agent/command_contract.h"

#include <stdio.h>
#include <string.h>

#include "agent/command.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/error.h"
#include "agent/expect.h"
#include "agent/finding.h"
#include "agent/options.h"
#include "agent/root.h"

static int print(const struct contract_call *call, struct error *error)
{
	(void)error;
	(void)fputs(call->contract->text, stdout);
	return 0;
}

static int validate(const struct contract_call *call, struct error *error)
{
	const struct contract *contract = call->contract;
	struct findings findings = {0};
	struct expectations expect = {0};
	struct context context = {0};
	int status = context_read(&context, call->options, call->environment, error);

	if (status == 0)
		status = expect_read(&expect, call->options, &context, &findings, error);
	if (status == 0) {
		(void)printf("contract %s: valid, version %lld, %zu labels\n", contract->source,
			     (long long)contract->version, contract->lane_count);
		if (expect.is_present)
			(void)printf("expectations %s: valid\n", expect.source);
	}
	expect_release(&expect);
	findings_release(&findings);
	context_release(&context);
	return status;
}

/* The verbs; the first is what no word at all means. */
static const struct verb {
	const char *name;
	int (*run)(const struct contract_call *call, struct error *error);
	bool takes_paths;
} verbs[] = {
	{"", print, false},
	{"validate", validate, false},
	{"attach", contract_attach, false},
	{"check", contract_check, true},
};

static const struct verb *verb_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* The verb that was given, with the arguments that it takes, or NULL with ERROR. */
static const struct verb *choose(const struct options *options, struct error *error)
{
	const char *name = options->arguments[0];
	const struct verb *verb = verb_by_name(name ? name : "");

	if (!verb) {
		(void)error_set(error, ERROR_USAGE,
				"contract %.32s: print (no word), validate, attach or check", name);
		return NULL;
	}
	if (!verb->takes_paths && options->argument_count > 1) {
		(void)error_set(error, ERROR_USAGE,
				"%.64s: one argument too many; see `spinup contract --help`",
				options->arguments[1]);
		return NULL;
	}
	if (verb->takes_paths && options->argument_count < 2) {
		(void)error_set(error, ERROR_USAGE, "contract %s needs a PATH, such as .", name);
		return NULL;
	}
	return verb;
}

int command_contract(const struct command *command, const struct options *options,
		     char *const *environment, struct error *error)
{
	const struct verb *verb = choose(options, error);
	struct contract contract = {0};
	struct root root = {.fd = -1};
	const struct contract_call call = {options, environment, &root, &contract};
	int status;

	(void)command;
	if (!verb)
		return -1;
	status = root_open_directory(&root, options->root, error);
	if (status == 0)
		status = contract_read(&contract, &root, options->contract_path, error);
	if (status == 0)
		status = verb->run(&call, error);
	contract_release(&contract);
	root_close(&root);
	return status;
}
