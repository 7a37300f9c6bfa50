/* SPDX-License-Identifier: Zlib */
/* Flags and variables: which wins, and what a wrong one says. */
#include <string.h>

#include "agent/command.h"
#include "agent/error.h"
#include "agent/options.h"
#include "tests/unit/check.h"

static char *no_environment[] = {NULL};

static int parse(struct options *options, const char *command, const char *const *argv,
		 char *const *environment, struct error *error)
{
	return options_parse(options, command_find(command), (char **)argv, environment, error);
}

static void a_flag_wins_over_its_variable(void **state)
{
	static const char *const argv[] = {"--label", "tinyland-nix", "--deadline=3", NULL};
	char *environment[] = {"SPINUP_LABEL=other", "SPINUP_ATTIC=http://a", "SPINUP_DEADLINE=9",
			       "SPINUP_STRICT=true", "SPINUP_CONTRACT=",      NULL};
	struct options options;
	struct error error = {0};

	(void)state;
	assert_int_equal(parse(&options, "run", argv, environment, &error), 0);
	assert_string_equal(options.label, "tinyland-nix");
	assert_string_equal(options.label_source, "--label");
	assert_string_equal(options.attic_url, "http://a");
	assert_string_equal(options.attic_url_source, "SPINUP_ATTIC");
	assert_int_equal(options.deadline_ms, 3000);
	assert_true(options.is_strict);
	assert_null(options.contract_path);
	options_release(&options);
}

/* Two variables and a flag stand for uploads: the flag, then our own variable, then the job's. */
static void uploads_by_the_nearest_word(void **state)
{
	static const struct {
		const char *argv[2];
		const char *environment[3];
		bool is_wanted;
	} rows[] = {
		{{0}, {0}, false},
		{{0}, {"GF_BAZEL_REMOTE_UPLOAD=true"}, true},
		{{0}, {"GF_BAZEL_REMOTE_UPLOAD=1"}, false},
		{{0}, {"GF_BAZEL_REMOTE_UPLOAD=true", "SPINUP_BAZEL_UPLOAD=false"}, false},
		{{0}, {"GF_BAZEL_REMOTE_UPLOAD=false", "SPINUP_BAZEL_UPLOAD=true"}, true},
		{{"--bazel-upload=false"}, {"GF_BAZEL_REMOTE_UPLOAD=true"}, false},
		{{"--bazel-upload"}, {"GF_BAZEL_REMOTE_UPLOAD=false"}, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options options;
		struct error error = {0};

		assert_int_equal(parse(&options, "run", rows[i].argv,
				       (char *const *)rows[i].environment, &error),
				 0);
		assert_int_equal(options.is_bazel_upload_wanted, rows[i].is_wanted);
		options_release(&options);
	}
}

static void names_come_as_lists_and_repeated(void **state)
{
	static const char *const argv[] = {"--require", "nix,attic", "--require", "bazel", NULL};
	struct options options;
	struct error error = {0};

	(void)state;
	assert_int_equal(parse(&options, "run", argv, no_environment, &error), 0);
	assert_string_equal(options.require[0], "nix");
	assert_string_equal(options.require[1], "attic");
	assert_string_equal(options.require[2], "bazel");
	assert_null(options.require[3]);
	options_release(&options);
}

static void wrong_usage_is_named(void **state)
{
	static const struct {
		const char *command;
		const char *argv[3];
		const char *environment[2];
		const char *message;
	} rows[] = {
		{"run", {"--nonsense"}, {0}, "--nonsense"},
		{"run", {"--label"}, {0}, "--label needs its LABEL"},
		{"run", {"stray"}, {0}, "one argument too many"},
		{"run", {"--mode", "loud"}, {0}, "'loud' is neither enforce nor warn"},
		{"run", {"--deadline", "0"}, {0}, "--deadline"},
		{"run", {"--deadline", "10s"}, {0}, "--deadline"},
		{"run", {"--strict=maybe"}, {0}, "--strict"},
		{"run", {0}, {"SPINUP_MODE=loud"}, "SPINUP_MODE"},
		{"version", {"--label", "x"}, {0}, "--label"},
		{"env", {"--format", "yaml"}, {0}, "--format"},
		{"plan", {"--strict"}, {0}, "--strict"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options options;
		struct error error = {0};

		assert_int_equal(parse(&options, rows[i].command, rows[i].argv,
				       (char *const *)rows[i].environment, &error),
				 -1);
		assert_int_equal(error.code, ERROR_USAGE);
		assert_non_null(strstr(error.message, rows[i].message));
		options_release(&options);
	}
}

/* The command to become is known even where the flags before it are not understood. */
static void the_wrapped_command(void **state)
{
	static const struct {
		const char *argv[6];
		int status;
		const char *first; /* of the wrapped command; NULL: none */
	} rows[] = {
		{{"--", "run.sh", "--label"}, 0, "run.sh"},
		{{"--label", "x", "--", "run.sh"}, 0, "run.sh"},
		{{"run.sh", "--", "x"}, 0, "run.sh"},
		{{"--", "--", "x"}, 0, "--"},
		{{"--label", "--", "run.sh"}, 0, "run.sh"},
		{{"--nonsense", "--", "run.sh"}, -1, "run.sh"},
		{{"--nonsense", "x", "--", "run.sh"}, -1, "run.sh"},
		{{"--nonsense", "run.sh"}, -1, NULL},
		{{"--nonsense", "--"}, -1, NULL},
		{{"--mode", "warn", "--", "run.sh"}, -1, "run.sh"},
		{{"--"}, 0, NULL},
		{{0}, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options options;
		struct error error = {0};

		assert_int_equal(parse(&options, "exec", rows[i].argv, no_environment, &error),
				 rows[i].status);
		assert_int_equal(options.argument_count, 0);
		assert_string_equal(options.wrapped ? options.wrapped[0] : "-",
				    rows[i].first ? rows[i].first : "-");
		options_release(&options);
	}
}

static void unknown_variables_are_ignored(void **state)
{
	static const char *const argv[] = {NULL};
	char *environment[] = {"SPINUP_PORT=tcp://10.0.0.1:80", "SPINUP_SERVICE_HOST=x", NULL};
	struct options options;
	struct error error = {0};

	(void)state;
	assert_int_equal(parse(&options, "run", argv, environment, &error), 0);
	options_release(&options);
}

static void empty_inputs_count_as_not_given(void **state)
{
	static const char *const argv[] = {"--label", "", "--attic=", NULL};
	char *environment[] = {"SPINUP_ATTIC=http://a", NULL};
	struct options options;
	struct error error = {0};

	(void)state;
	assert_int_equal(parse(&options, "run", argv, environment, &error), 0);
	assert_null(options.label);
	assert_string_equal(options.attic_url, "http://a");
	options_release(&options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flag_wins_over_its_variable),
		cmocka_unit_test(uploads_by_the_nearest_word),
		cmocka_unit_test(names_come_as_lists_and_repeated),
		cmocka_unit_test(wrong_usage_is_named),
		cmocka_unit_test(the_wrapped_command),
		cmocka_unit_test(unknown_variables_are_ignored),
		cmocka_unit_test(empty_inputs_count_as_not_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
