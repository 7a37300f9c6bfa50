/* SPDX-License-Identifier: Zlib */
/* Who gets what: the table of writers, on real files. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/emit.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/sample.h"

#define TEXT_MAX_BYTES (1u << 20)

static const char *const names[] = {"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT",
				    "GITHUB_STEP_SUMMARY"};

struct scene {
	struct sample sample;
	char directory[64];
	char *variables[COUNT(names)];
	struct strbuf log; /* standard output of the last run */
	struct error error;
	int status;
};

static char *below(const struct scene *scene, const char *name)
{
	return mem_format("%s/%s", scene->directory, name);
}

static struct strbuf content(const struct scene *scene, const char *name)
{
	struct strbuf text = STRBUF_INIT(TEXT_MAX_BYTES);
	char *path = below(scene, name);

	if (root_read(&scene->sample.job.context.root, path, &text) < 0)
		strbuf_puts(&text, "(none)");
	free(path);
	return text;
}

static void scene_make(struct scene *scene, void (*make)(struct sample *sample))
{
	memset(scene, 0, sizeof(*scene));
	make(&scene->sample);
	strbuf_init(&scene->log, TEXT_MAX_BYTES);
	(void)snprintf(scene->directory, sizeof(scene->directory), "/tmp/spinup-emit-XXXXXX");
	assert_non_null(mkdtemp(scene->directory));
	free(scene->sample.job.context.temp);
	scene->sample.job.context.temp = mem_strdup(scene->directory);
	memset(scene->sample.variables, 0, sizeof(scene->sample.variables));
	sample_set(&scene->sample, "GITHUB_ACTIONS=true");
	for (size_t i = 0; i < COUNT(names); i++) {
		char *path = below(scene, names[i]);

		assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
		scene->variables[i] = mem_format("%s=%s", names[i], path);
		sample_set(&scene->sample, scene->variables[i]);
		free(path);
	}
	environment_add_file(&scene->sample.environment, "SPINUP_BAZELRC_PATH", "bazelrc",
			     "build --remote_cache=\n", false, "probe bazel");
	assert_int_equal(root_open_directory(&scene->sample.job.context.root, NULL, &scene->error),
			 0);
}

/* Runs emit_all with standard output in a file. */
static void scene_run(struct scene *scene)
{
	char *path = below(scene, "log");
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600), saved;

	(void)fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_true(dup2(fd, STDOUT_FILENO) >= 0);
	scene->status = emit_all(&scene->sample.result, &scene->error);
	(void)fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	(void)close(saved);
	(void)close(fd);
	scene->log = content(scene, "log");
	free(path);
}

static void remove_below(const char *directory)
{
	DIR *stream = opendir(directory);
	const struct dirent *entry;

	while (stream && (entry = readdir(stream))) {
		char *path = mem_format("%s/%s", directory, entry->d_name);

		(void)unlink(path);
		free(path);
	}
	if (stream)
		(void)closedir(stream);
	(void)rmdir(directory);
}

static void scene_release(struct scene *scene)
{
	char *spinup = below(scene, "spinup");

	remove_below(spinup);
	remove_below(scene->directory);
	free(spinup);
	for (size_t i = 0; i < COUNT(names); i++)
		free(scene->variables[i]);
	root_close(&scene->sample.job.context.root);
	strbuf_release(&scene->log);
	sample_release(&scene->sample);
}

static void assert_content(const struct scene *scene, const char *name, const char *part,
			   bool is_there)
{
	struct strbuf text = content(scene, name);

	if ((strstr(text.data, part) != NULL) != is_there)
		fail_msg("%s: %s %s:\n%s", name, part, is_there ? "is missing" : "is there",
			 text.data);
	strbuf_release(&text);
}

static void a_ready_step_gets_everything(void **state)
{
	struct scene scene;
	struct stat status;
	char *path;

	(void)state;
	scene_make(&scene, sample_make);
	scene_run(&scene);
	assert_int_equal(scene.status, 0);
	assert_content(&scene, "GITHUB_ENV", "ATTIC_SERVER=http://attic.nix", true);
	assert_content(&scene, "GITHUB_ENV", "\nOLD=\n", true);
	assert_content(&scene, "GITHUB_PATH", "/nix/var/nix/profiles/default/bin\n", true);
	assert_content(&scene, "GITHUB_OUTPUT",
		       "outcome=ready\nlane=tinyland-nix\n"
		       "nix-version=2.31.2\n",
		       true);
	assert_content(&scene, "GITHUB_OUTPUT", "attic=true\nattic-push=\nbazel=true\nkvm=\ngpu=\n",
		       true);
	assert_content(&scene, "GITHUB_OUTPUT", "runner_class=tinyland-nix\nattic_reachable=true\n",
		       true);
	assert_content(&scene, "GITHUB_STEP_SUMMARY", "## spinup: ready", true);
	assert_content(&scene, "spinup/bazelrc", "build --remote_cache=\n", true);
	assert_content(&scene, "spinup/report.json", "\"outcome\": \"ready\"", true);
	/* Masks come before anything that the runner may print. */
	assert_int_equal(strncmp(scene.log.data,
				 "::add-mask::attic-token-secret\n"
				 "::add-mask::hunter2-secret\n",
				 58),
			 0);
	assert_null(strstr(scene.log.data, "::error"));
	assert_null(strstr(scene.log.data, "::warning"));
	path = below(&scene, "spinup/report.json");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	free(path);
	scene_release(&scene);
}

static void a_failed_lane_writes_no_environment(void **state)
{
	static const struct {
		enum mode mode;
		bool is_written;
	} rows[] = {{MODE_ENFORCE, false}, {MODE_DEFAULT, false}, {MODE_WARN, true}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct scene scene;

		scene_make(&scene, sample_make_failed);
		scene.sample.options.mode = rows[i].mode;
		scene_run(&scene);
		assert_int_equal(scene.status, 0);
		assert_content(&scene, "GITHUB_ENV", "ATTIC_SERVER=", rows[i].is_written);
		assert_content(&scene, "GITHUB_PATH", "/nix/var", rows[i].is_written);
		assert_content(&scene, "GITHUB_OUTPUT", "outcome=failed\n", true);
		assert_content(&scene, "GITHUB_STEP_SUMMARY", "## spinup: failed", true);
		assert_content(&scene, "log", "::error title=spinup%3A task-silent::nix ", true);
		assert_content(&scene, "spinup/report.json", "\"failed\"", true);
		scene_release(&scene);
	}
}

static size_t count(const char *text, const char *part)
{
	size_t number = 0;

	while ((text = strstr(text, part))) {
		number++;
		text += strlen(part);
	}
	return number;
}

static void annotations_have_a_budget(void **state)
{
	struct scene scene;

	(void)state;
	scene_make(&scene, sample_make_failed);
	scene_run(&scene);
	assert_int_equal(count(scene.log.data, "\n::error "), 1);
	assert_int_equal(count(scene.log.data, "\n::warning "), 3);
	assert_int_equal(count(scene.log.data, "And 1 more of this kind"), 1);
	scene_release(&scene);
}

/* Everything that only a job may have is absent; the page or the JSON is all that there is. */
static void others_write_nothing(void **state)
{
	static const struct {
		struct command command;
		enum surface surface;
	} rows[] = {
		{{.name = "doctor", .bit = COMMAND_DOCTOR}, SURFACE_STEP},
		{{.name = "probe", .bit = COMMAND_PROBE}, SURFACE_STEP},
		{{.name = "run", .bit = COMMAND_RUN}, SURFACE_LOCAL},
		{{.name = "run", .bit = COMMAND_RUN}, SURFACE_ENTRYPOINT},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct scene scene;

		scene_make(&scene, sample_make_failed);
		scene.sample.command = rows[i].command;
		scene.sample.job.context.surface = rows[i].surface;
		scene_run(&scene);
		assert_int_equal(scene.status, 0);
		for (size_t j = 0; j < COUNT(names); j++)
			assert_content(&scene, names[j], "=", false);
		assert_content(&scene, "spinup/report.json", "(none)", true);
		assert_content(&scene, "log", "::", false);
		assert_content(&scene, "log", "FAILED", true);
		scene_release(&scene);
	}
}

/* A hook's GITHUB_PATH would break container jobs, and nobody can name its outputs. */
static void a_hook_writes_for_the_steps(void **state)
{
	struct scene scene;

	(void)state;
	scene_make(&scene, sample_make);
	scene.sample.command = (struct command){.name = "hook", .bit = COMMAND_HOOK};
	scene.sample.job.context.surface = SURFACE_HOOK;
	scene_run(&scene);
	assert_int_equal(scene.status, 0);
	assert_content(&scene, "GITHUB_ENV", "ATTIC_SERVER=", true);
	assert_content(&scene, "GITHUB_STEP_SUMMARY", "tinyland-nix", true);
	assert_content(&scene, "GITHUB_OUTPUT", "=", false);
	assert_content(&scene, "GITHUB_PATH", "/", false);
	assert_content(&scene, "spinup/report.json", "\"surface\": \"hook\"", true);
	assert_content(&scene, "log", "::add-mask::hunter2-secret", true);
	scene_release(&scene);
}

/* The command that comes next gets what a step would, and stdout is its own. */
static void an_entrypoint_hands_over(void **state)
{
	static const char path[] = "PATH=/nix/var/nix/profiles/default/bin:/usr/bin";
	struct strbuf handover = STRBUF_INIT(TEXT_MAX_BYTES);
	struct scene scene;

	(void)state;
	scene_make(&scene, sample_make);
	sample_set(&scene.sample, "PATH=/usr/bin");
	scene.sample.command = (struct command){.name = "exec", .bit = COMMAND_EXEC};
	scene.sample.options.runner_root = scene.directory;
	scene.sample.job.context.surface = SURFACE_ENTRYPOINT;
	scene.sample.result.handover = &handover;
	scene_run(&scene);
	assert_int_equal(scene.status, 0);
	assert_string_equal(scene.log.data, "");
	assert_memory_equal(handover.data, "ATTIC_SERVER=http://", 20);
	assert_non_null(memmem(handover.data, handover.length, "\0OLD=", 6));
	assert_memory_equal(handover.data + handover.length - sizeof(path), path, sizeof(path));
	for (size_t i = 0; i < COUNT(names); i++)
		assert_content(&scene, names[i], "=", false);
	assert_content(&scene, "spinup/report.json", "\"surface\": \"entrypoint\"", true);
	assert_content(&scene, "spinup/bazelrc", "build --remote_cache", true);
	assert_content(&scene, ".setup_info", "\"group\": \"spinup\"", true);
	strbuf_release(&handover);
	scene_release(&scene);
}

/* A variable must not point at a file that could not be written. */
static void an_entrypoint_hands_nothing_over_without_its_files(void **state)
{
	struct strbuf handover = STRBUF_INIT(TEXT_MAX_BYTES);
	struct scene scene;
	char *path;

	(void)state;
	scene_make(&scene, sample_make);
	path = below(&scene, "spinup");
	assert_int_equal(symlink("/nowhere", path), 0);
	scene.sample.command = (struct command){.name = "exec", .bit = COMMAND_EXEC};
	scene.sample.job.context.surface = SURFACE_ENTRYPOINT;
	scene.sample.result.handover = &handover;
	scene_run(&scene);
	assert_int_equal(scene.status, -1);
	assert_int_equal(handover.length, 0);
	assert_int_equal(unlink(path), 0);
	free(path);
	strbuf_release(&handover);
	scene_release(&scene);
}

/* In act the mask would be the leak. */
static void act_gets_no_masks(void **state)
{
	struct scene scene;

	(void)state;
	scene_make(&scene, sample_make);
	scene.sample.job.context.is_act = true;
	scene_run(&scene);
	assert_content(&scene, "log", "-secret", false);
	assert_content(&scene, "GITHUB_ENV", "ATTIC_SERVER=", true);
	scene_release(&scene);
}

static void path_is_for_steps_on_the_host(void **state)
{
	struct scene scene;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		scene_make(&scene, sample_make);
		scene.sample.job.context.is_container_job = i == 0;
		if (i == 1)
			scene.sample.job.context.surface = SURFACE_HOOK;
		scene_run(&scene);
		assert_content(&scene, "GITHUB_PATH", "/nix", false);
		assert_content(&scene, "GITHUB_ENV", "ATTIC_SERVER=", true);
		scene_release(&scene);
	}
}

/* The first failure is told, what else is owed is still written, and GITHUB_ENV stays untouched. */
static void a_failed_writer_keeps_the_environment_back(void **state)
{
	struct scene scene;
	char *path;

	(void)state;
	scene_make(&scene, sample_make);
	path = below(&scene, "spinup");
	assert_int_equal(symlink("/nowhere", path), 0);
	scene_run(&scene);
	assert_int_equal(scene.status, -1);
	assert_non_null(strstr(scene.error.message, "files for the next steps: "));
	assert_non_null(strstr(scene.error.message, path));
	assert_content(&scene, "GITHUB_ENV", "=", false);
	assert_content(&scene, "GITHUB_PATH", "/", false);
	assert_content(&scene, "GITHUB_OUTPUT", "outcome=ready\n", true);
	assert_int_equal(unlink(path), 0);
	free(path);
	scene_release(&scene);
}

static void a_broken_file_is_named(void **state)
{
	struct scene scene;
	char *path;
	FILE *stream;

	(void)state;
	scene_make(&scene, sample_make);
	path = below(&scene, "GITHUB_ENV");
	stream = fopen(path, "w");
	(void)fputs("A<<EOF\n", stream);
	(void)fclose(stream);
	scene_run(&scene);
	assert_int_equal(scene.status, -1);
	assert_non_null(strstr(scene.error.message, "GITHUB_ENV: "));
	assert_non_null(strstr(scene.error.message, "line 1"));
	assert_content(&scene, "GITHUB_ENV", "ATTIC", false);
	free(path);
	scene_release(&scene);
}

static void json_is_one_document(void **state)
{
	struct scene scene;

	(void)state;
	scene_make(&scene, sample_make_failed);
	scene.sample.options.is_json = true;
	scene.sample.job.context.surface = SURFACE_LOCAL;
	scene_run(&scene);
	assert_int_equal(scene.log.data[0], '{');
	assert_string_equal(scene.log.data + scene.log.length - 3, "\n}\n");
	assert_content(&scene, "log", "FAILED", false);
	scene_release(&scene);
}

static void the_home_rc_on_request(void **state)
{
	struct scene scene;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		scene_make(&scene, sample_make);
		scene.sample.job.context.home = scene.directory;
		scene.sample.options.is_bazel_home_rc = i == 1;
		scene_run(&scene);
		assert_content(&scene, ".bazelrc", "try-import", i == 1);
		scene_release(&scene);
	}
}

/* The files of `env` are the operator's: in the directory that was named, and nowhere else. */
static void env_writes_its_files_on_request(void **state)
{
	struct scene scene;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		scene_make(&scene, sample_make);
		scene.sample.command = (struct command){.name = "env", .bit = COMMAND_ENV};
		scene.sample.job.context.surface = SURFACE_LOCAL;
		if (i == 1)
			scene.sample.options.write_files = scene.directory;
		scene_run(&scene);
		assert_int_equal(scene.status, 0);
		assert_content(&scene, "log", "export OLD=''\n", true);
		assert_content(&scene, "log", "BAZELRC", i == 1);
		assert_content(&scene, "log", "spinup/bazelrc", false);
		assert_content(&scene, "bazelrc", "build --remote_cache", i == 1);
		assert_content(&scene, "GITHUB_ENV", "=", false);
		scene_release(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ready_step_gets_everything),
		cmocka_unit_test(a_failed_lane_writes_no_environment),
		cmocka_unit_test(annotations_have_a_budget),
		cmocka_unit_test(others_write_nothing),
		cmocka_unit_test(a_hook_writes_for_the_steps),
		cmocka_unit_test(an_entrypoint_hands_over),
		cmocka_unit_test(an_entrypoint_hands_nothing_over_without_its_files),
		cmocka_unit_test(act_gets_no_masks),
		cmocka_unit_test(path_is_for_steps_on_the_host),
		cmocka_unit_test(a_failed_writer_keeps_the_environment_back),
		cmocka_unit_test(a_broken_file_is_named),
		cmocka_unit_test(json_is_one_document),
		cmocka_unit_test(the_home_rc_on_request),
		cmocka_unit_test(env_writes_its_files_on_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
