/* SPDX-License-Identifier: Zlib */
/* Flags and SPINUP_* variables, from one table that --help is printed from. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct command;
struct error;

enum mode { MODE_DEFAULT, MODE_ENFORCE, MODE_WARN };
enum env_format { ENV_FORMAT_SH, ENV_FORMAT_GITHUB, ENV_FORMAT_DOTENV, ENV_FORMAT_JSON };

#define OPTIONS_MAX_NAMES 16u
#define OPTIONS_MAX_ARGUMENTS 1024u /* of contract check: as many files as xargs gives */

/* Strings borrow from argv and the environment, or from owned. NULL means not given. */
struct options {
	unsigned int command; /* enum command_bit: what they were given to */
	const char *label;
	const char *contract_path;
	const char *expect_path;
	const char *attic_url;
	const char *attic_cache;
	const char *attic_public_key;
	const char *bazel_url;
	const char *require[OPTIONS_MAX_NAMES]; /* probe names, NULL-terminated */
	const char *skip[OPTIONS_MAX_NAMES];
	const char *report_path;
	const char *gitlab_annotations;   /* --gitlab-annotations FILE */
	const char *runner_root;          /* exec --runner-root DIR */
	const char *root;                 /* hidden, no variable */
	const char *write_files;          /* env --write-files DIR */
	unsigned int deadline_ms;         /* default 10000 */
	unsigned int install_deadline_ms; /* default 300000 */
	enum mode mode;
	enum env_format env_format;
	bool is_strict;
	bool is_json;
	bool is_attic_push_wanted; /* push permission is probed (SPINUP_ATTIC_PUSH, --attic-push) */
	bool is_attic_public_read; /* opt-in to the public cache (--attic-public-read) */
	bool is_bazel_upload_wanted;  /* --bazel-upload, or GF_BAZEL_REMOTE_UPLOAD=true */
	bool is_bazel_home_rc;        /* --bazel-home-rc */
	bool is_repair_off;           /* --no-repair */
	bool is_install;              /* exec --install: mend, and install Nix where it is absent */
	bool is_store_verified;       /* --verify-store */
	bool is_uninstall;            /* install --uninstall */
	bool is_force;                /* install --uninstall --force */
	bool is_all;                  /* --all: devices that the lane does not promise, as advice */
	bool is_software_gpu_allowed; /* --allow-software-gpu */
	bool is_help;
	const char *check_format; /* contract check --format */
	/* What is left after the flags, NULL-terminated. */
	const char *arguments[OPTIONS_MAX_ARGUMENTS];
	size_t argument_count;
	char **wrapped; /* exec: the command to become, NULL-terminated; NULL: none was given */
	/* Where each value came from: "flag --label" or "SPINUP_LABEL"; NULL for defaults. */
	const char *label_source, *attic_url_source, *attic_cache_source, *attic_key_source,
		*bazel_url_source;
	char *owned[OPTIONS_MAX_NAMES]; /* lists that were taken apart */
	size_t owned_count;
};

/* Parses the flags that COMMAND knows, then the variables for what no flag gave.
 * Returns 0, or -1 with ERROR (ERROR_USAGE) that names the flag and the cure; what stands behind "--"
 * is in wrapped all the same. */
int options_parse(struct options *options, const struct command *command, char **argv,
		  char *const *environment, struct error *error);

void options_release(struct options *options);

/* Prints the flags of COMMAND, aligned, for --help. */
void options_print_help(const struct command *command);

/* The N-th variable that the options read, or NULL beyond the end. */
const char *options_variable(size_t index);
