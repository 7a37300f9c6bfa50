/* SPDX-License-Identifier: Zlib */
/* The Vulkan helper's surroundings: what it said and how it ended become an answer that nothing in
 * the same process can falsify beyond its own words; its environment; the dynamic loaders' ladder. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/record.h"
#include "agent/root.h"
#include "agent/sandbox.h"
#include "agent/spawn.h"
#include "agent/strbuf.h"
#include "agent/words.h"
#include "probes/vulkan/said.h"
#include "probes/vulkan_answer.h"
#include "probes/vulkan_program.h"
#include "probes/vulkan_run.h"
#include "tests/unit/check.h"
#include "tests/unit/prepared.h"

#define NOWHERE "/nonexistent/libvulkan.so.1"
#define DEVICE "Some GPU\n2\n0\n4318\n9008\n4210979\n2369716288\n4\nNVIDIA\n570.124.06\n"

/* What SPEAK says, and RESULT with OUTPUT, as an answer. */
static struct vulkan_answer answer_to(void (*speak)(struct channel *),
				      const struct spawn_result *result, const char *output)
{
	static uint8_t bytes[RECORD_MAX_BYTES];
	CLEANUP_CLOSE int file = memfd_create("frames", MFD_CLOEXEC);
	struct channel channel = {.fd = file};
	struct vulkan_said said = {.result = result, .frames = bytes, .output = output};
	struct vulkan_answer answer;

	speak(&channel);
	said.length = (size_t)pread(file, bytes, sizeof(bytes), 0);
	vulkan_answer_read(&answer, &said);
	return answer;
}

static void say_end(struct channel *channel, int64_t end, int64_t code)
{
	channel_integer(channel, SAID_CODE, code);
	channel_integer(channel, SAID_END, end);
}

static void one_device(struct channel *channel)
{
	channel_phase(channel, "list the devices");
	channel_integer(channel, SAID_COUNT, 1);
	channel_list(channel, SAID_DEVICE "0", DEVICE);
	channel_integer(channel, SAID_CHOSEN, 0);
}

static void computed(struct channel *channel)
{
	one_device(channel);
	channel_string(channel, SAID_LIBRARY, "/usr/lib/libvulkan.so.1");
	channel_integer(channel, SAID_INSTANCE, 4206831);
	channel_list(channel, SAID_TRAITS, "1\n0\n8192\n");
	channel_phase(channel, "verify the result");
	say_end(channel, VULKAN_COMPUTED, 0);
}

static void what_was_said_is_read(void **state)
{
	struct vulkan_answer answer =
		answer_to(computed, &(struct spawn_result){SPAWN_EXITED, 0}, "ERROR: harmless\n");
	struct strbuf version = STRBUF_INIT(32);

	(void)state;
	assert_int_equal(answer.end, VULKAN_COMPUTED);
	assert_string_equal(answer.phase, "verify the result");
	assert_string_equal(answer.library, "/usr/lib/libvulkan.so.1");
	assert_string_equal(answer.log, ""); /* nobody asks for it where all is well */
	assert_string_equal(answer.sandbox, "none");
	assert_int_equal(answer.chosen, 0);
	assert_int_equal(answer.device_count, 1);
	assert_string_equal(answer.devices[0].name, "Some GPU");
	assert_int_equal(answer.devices[0].type, VULKAN_TYPE_DISCRETE);
	assert_false(answer.devices[0].is_software);
	assert_int_equal(answer.devices[0].vendor_id, 0x10de);
	assert_int_equal(answer.devices[0].device_id, 0x2330);
	assert_int_equal(answer.devices[0].driver_version, 0x8d3f0040);
	assert_int_equal(answer.devices[0].driver_id, 4);
	assert_string_equal(answer.devices[0].driver_name, "NVIDIA");
	assert_string_equal(answer.devices[0].driver_info, "570.124.06");
	assert_int_equal(answer.trait_count, 3);
	assert_int_equal(answer.traits[2], 8192);
	vulkan_version(&version, answer.instance_version);
	assert_string_equal(version.data, "1.3.239");
	strbuf_release(&version);
}

/* ---- how it ended */

static void nothing(struct channel *channel)
{
	(void)channel;
}

static void phase_alone(struct channel *channel)
{
	channel_phase(channel, "create the instance");
}

static void failed(struct channel *channel)
{
	channel_phase(channel, "create the instance");
	say_end(channel, VULKAN_ERROR, -9);
}

static void computed_on_nothing(struct channel *channel)
{
	channel_phase(channel, "verify the result");
	say_end(channel, VULKAN_COMPUTED, 0);
}

static void unknown_end(struct channel *channel)
{
	one_device(channel);
	say_end(channel, VULKAN_INCOMPLETE + 1, 0);
}

static void with_a_finding(struct channel *channel)
{
	computed(channel);
	channel_finding(channel, FINDING_ATTIC_URL, "forged", NULL, "by a driver");
}

static void foreign_fact(struct channel *channel)
{
	computed(channel);
	channel_string(channel, "nix.version", "forged");
}

static void rubbish(struct channel *channel)
{
	computed(channel);
	assert_int_equal(write(channel->fd, "\xff\xff\xff\xff", 4), 4);
}

static void half_a_frame(struct channel *channel)
{
	computed(channel);
	assert_int_equal(write(channel->fd, "\x01", 1), 1);
}

static void ends(void **state)
{
	static const struct {
		void (*speak)(struct channel *);
		struct spawn_result result;
		enum vulkan_end end;
		int number; /* status or code */
		const char *detail;
	} cases[] = {
		{failed, {SPAWN_EXITED, 0}, VULKAN_ERROR, -9, ""},
		{failed, {SPAWN_KILLED, 11}, VULKAN_ERROR, -9, ""}, /* after its last word */
		{phase_alone, {SPAWN_EXITED, 42}, VULKAN_EXITED, 42, ""},
		{phase_alone, {SPAWN_KILLED, 11}, VULKAN_KILLED, 11, ""},
		{phase_alone, {SPAWN_TIMEOUT, 0}, VULKAN_TIMEOUT, 0, ""},
		{computed_on_nothing, {SPAWN_EXITED, 0}, VULKAN_BROKE_RULES, 0, ""},
		{unknown_end, {SPAWN_EXITED, 0}, VULKAN_BROKE_RULES, 0, ""},
		{with_a_finding, {SPAWN_EXITED, 0}, VULKAN_BROKE_RULES, 0, ""},
		{foreign_fact, {SPAWN_EXITED, 0}, VULKAN_BROKE_RULES, 0, ""},
		{rubbish, {SPAWN_EXITED, 0}, VULKAN_BROKE_RULES, 0, ""},
		{half_a_frame, {SPAWN_EXITED, 0}, VULKAN_BROKE_RULES, 0, ""},
		{nothing,
		 {SPAWN_NOT_STARTED, 2},
		 VULKAN_NOT_STARTED,
		 0,
		 "the helper program cannot be run: No such file or directory"},
		{nothing,
		 {SPAWN_EXITED, 127},
		 VULKAN_NOT_STARTED,
		 0,
		 "the dynamic loader ended with status 127"},
		{nothing,
		 {SPAWN_KILLED, 11},
		 VULKAN_NOT_STARTED,
		 0,
		 "the dynamic loader was ended by signal 11"},
		{nothing,
		 {SPAWN_TIMEOUT, 0},
		 VULKAN_NOT_STARTED,
		 0,
		 "the dynamic loader did not come to an end in time"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct vulkan_answer answer = answer_to(cases[i].speak, &cases[i].result, "");

		assert_int_equal(answer.end, cases[i].end);
		assert_int_equal(answer.end == VULKAN_ERROR ? answer.code : answer.status,
				 cases[i].number);
		assert_string_equal(answer.detail, cases[i].detail);
	}
}

static void last_error_is_quoted(void **state)
{
	static const struct {
		const char *output, *log;
	} cases[] = {
		{"", ""},
		{"one\ntwo\n", "two"},
		{"ERROR: first\nERROR: last\nafterwards\n", "ERROR: last"},
		{"\x1b[31mdriver error\x1b[0m ##[error]x\r\nnoise", "driver error # #[error]x"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct vulkan_answer answer =
			answer_to(failed, &(struct spawn_result){SPAWN_EXITED, 0}, cases[i].output);

		assert_string_equal(answer.log, cases[i].log);
	}
}

/* ---- hostile words */

static void hostile_words(struct channel *channel)
{
	channel_phase(channel, "list the devices");
	channel_integer(channel, SAID_COUNT, 4000000000);
	channel_list(channel, SAID_DEVICE "0",
		     "\x1b[31m##[error]\n99\n0\nx\n-1\n99999999999999999999\n0\n0\n\n\n");
	channel_list(channel, SAID_DEVICE "1", "too\nfew\nlines\n");
	channel_integer(channel, SAID_CHOSEN, 1);
	channel_list(channel, SAID_MISSING,
		     "libX11.so.6 cannot open\nlibEGL.so.1\na b\nc d\ne f\ng h\n");
	say_end(channel, VULKAN_COMPUTED, 0);
}

static void hostile_words_are_bounded(void **state)
{
	struct vulkan_answer answer =
		answer_to(hostile_words, &(struct spawn_result){SPAWN_EXITED, 0}, "");

	(void)state;
	assert_int_equal(answer.end, VULKAN_BROKE_RULES); /* device 1 was not described */
	assert_int_equal(answer.chosen, -1);
	assert_string_equal(answer.devices[0].name, "# #[error]");
	assert_int_equal(answer.devices[0].type, VULKAN_TYPE_OTHER);
	assert_int_equal(answer.missing_count, VULKAN_MAX_MISSING);
	assert_string_equal(answer.missing[0].name, "libX11.so.6");
	assert_string_equal(answer.missing[0].why, "cannot open");
	assert_string_equal(answer.missing[1].name, "libEGL.so.1");
	assert_string_equal(answer.missing[1].why, "");
}

static void many_traits(struct channel *channel)
{
	struct strbuf lines = STRBUF_INIT(3000);

	for (size_t i = 0; i <= VULKAN_MAX_TRAITS; i++)
		strbuf_puts(&lines, "1\n");
	one_device(channel);
	channel_list(channel, SAID_TRAITS, lines.data);
	strbuf_release(&lines);
}

static void too_many_traits_are_none(void **state)
{
	struct vulkan_answer answer =
		answer_to(many_traits, &(struct spawn_result){SPAWN_EXITED, 0}, "");

	(void)state;
	assert_int_equal(answer.trait_count, 0);
}

/* ---- the environment */

static void environment_is_a_drivers(void **state)
{
	char *job[] = {"PATH=/bin",
		       "ATTIC_TOKEN=secret",
		       "ACTIONS_RUNNER_INPUT_JITCONFIG=secret",
		       "LD_LIBRARY_PATH=/job",
		       "LD_LIBRARY_PATHS=/no",
		       "LD_PRELOAD=/no.so",
		       "VK_DRIVER_FILES=/x.json",
		       "VK_LOADER_DEBUG=all",
		       "MESA_SHADER_CACHE_DISABLE=false",
		       "NVIDIA_VISIBLE_DEVICES=all",
		       "NVIDIA_API_KEY=secret",
		       "INTEL_REGISTRY_TOKEN=secret",
		       "AMD_PASSWORD=secret",
		       "no equals sign",
		       NULL};
	CLEANUP_WORDS struct words own = {0}, profile = {0};
	CLEANUP_FREE char *as_one = NULL, *with_path = NULL;

	(void)state;
	vulkan_environment(job, NULL, &own);
	assert_null(own.items[own.count]);
	as_one = words_join(&own, '|');
	assert_string_equal(as_one, "PATH=/bin|LD_LIBRARY_PATH=/job|VK_DRIVER_FILES=/x.json|"
				    "NVIDIA_VISIBLE_DEVICES=all|VK_LOADER_DEBUG=error|"
				    "VK_LOADER_LAYERS_DISABLE=~implicit~|GALLIVM_PERF=nopt|"
				    "MESA_SHADER_CACHE_DISABLE=true|__GL_SHADER_DISK_CACHE=0");
	vulkan_environment(job, "/nix/lib", &profile);
	with_path = words_join(&profile, '|');
	assert_null(strstr(with_path, "/job"));
	assert_non_null(strstr(with_path, "|LD_LIBRARY_PATH=/nix/lib"));
}

/* ---- dynamic loaders */

struct program {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	char path[16];
};

static struct program sound_program(void)
{
	return (struct program){
		.header = {.e_ident = ELFMAG "\2\1\1",
			   .e_phoff = offsetof(struct program, segments),
			   .e_phentsize = sizeof(Elf64_Phdr),
			   .e_phnum = 2},
		.segments = {{.p_type = PT_LOAD},
			     {.p_type = PT_INTERP,
			      .p_offset = offsetof(struct program, path),
			      .p_filesz = sizeof("/lib/ld.so")}},
		.path = "/lib/ld.so",
	};
}

static bool reads(const struct root *root, const struct program *program, size_t length,
		  struct strbuf *ret)
{
	char path[] = "/tmp/spinup-interpreter-XXXXXX";
	CLEANUP_CLOSE int file = mkstemp(path);
	bool is_found;

	assert_int_equal(write(file, program, length), (ssize_t)length);
	strbuf_clear(ret);
	is_found = vulkan_interpreter_of(root, path, ret);
	(void)unlink(path);
	return is_found;
}

static void interpreters(void **state)
{
	struct program sound = sound_program(), changed;
	struct strbuf path = STRBUF_INIT(4096);
	struct root root;

	(void)state;
	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	assert_true(reads(&root, &sound, sizeof(sound), &path));
	assert_string_equal(path.data, "/lib/ld.so");
#define REFUSED(change)                                                                            \
	changed = sound;                                                                           \
	change;                                                                                    \
	assert_false(reads(&root, &changed, sizeof(changed), &path))
	REFUSED(changed.header.e_ident[0] = 'x');
	REFUSED(changed.header.e_ident[EI_CLASS] = ELFCLASS32);
	REFUSED(changed.header.e_phnum = 1);
	REFUSED(changed.header.e_phoff = UINT64_MAX);
	REFUSED(changed.header.e_phentsize = 1);
	REFUSED(changed.segments[1].p_filesz = UINT64_MAX);
	REFUSED(changed.segments[1].p_filesz = 1 << 20);
	REFUSED(changed.segments[1].p_filesz--); /* no NUL at its end */
	REFUSED(changed.segments[1].p_offset = 1 << 20);
	REFUSED(changed.path[0] = 'x');
	assert_false(reads(&root, &sound, sizeof(sound.header) - 1, &path));
	assert_false(vulkan_interpreter_of(&root, "/nonexistent/program", &path));
	strbuf_release(&path);
	root_close(&root);
}

/* ---- the helper itself */

/* By value, and not written through a pointer: clang-tidy 14 crashes on that. */
static struct vulkan_answer run_with(struct vulkan_ask ask)
{
	char *environment[] = {NULL};
	struct sandbox *sandbox = prepared(1u << SANDBOX_DRIVER, false);
	struct root root;
	struct vulkan_answer answer;

	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	ask.root = &root;
	ask.sandbox = sandbox;
	ask.environment = environment;
	ask.timeout_ms = 20000;
	vulkan_run(&ask, &answer);
	root_close(&root);
	sandbox_free(sandbox);
	return answer;
}

static void helper_runs_here(void **state)
{
	struct vulkan_answer answer = run_with((struct vulkan_ask){.library = NOWHERE});

	(void)state;
	assert_int_equal(answer.end, VULKAN_NO_LIBRARY);
	assert_string_equal(answer.phase, "open the loader");
	assert_non_null(strstr(answer.detail, NOWHERE));
	assert_false(answer.is_retry);
	assert_int_equal(answer.missing_count, 0); /* nobody asked */
}

/* NVIDIA's driver needs all four; files that are no libraries stand before the machine's own. */
static void missing_libraries_are_named(void **state)
{
	static const char *const names[] = {"libX11.so.6", "libXext.so.6", "libEGL.so.1",
					    "libGLX_nvidia.so.0"};
	char directory[] = "/tmp/spinup-vulkan-XXXXXX", path[64];
	struct vulkan_answer answer;

	(void)state;
	assert_non_null(mkdtemp(directory));
	for (size_t i = 0; i < COUNT(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		assert_int_equal(symlink("/proc/self/cmdline", path), 0);
	}
	answer = run_with((struct vulkan_ask){.library = NOWHERE,
					      .library_path = directory,
					      .are_nvidia_libraries_wanted = true});
	assert_int_equal(answer.end, VULKAN_NO_LIBRARY);
	assert_int_equal(answer.missing_count, COUNT(names));
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_string_equal(answer.missing[i].name, names[i]);
		assert_non_null(strstr(answer.missing[i].why, names[i]));
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(directory);
}

static void interpreter_is_heeded(void **state)
{
	struct vulkan_answer answer =
		run_with((struct vulkan_ask){.interpreter = "/nonexistent/ld.so"});
	struct strbuf path = STRBUF_INIT(4096);
	struct root root;

	(void)state;
	assert_int_equal(answer.end, VULKAN_NOT_STARTED);
	assert_string_equal(answer.interpreter, "/nonexistent/ld.so");
	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	assert_true(vulkan_interpreter_of(&root, "/proc/self/exe", &path));
	root_close(&root);
	answer = run_with((struct vulkan_ask){.interpreter = path.data, .library = NOWHERE});
	assert_int_equal(answer.end, VULKAN_NO_LIBRARY);
	assert_string_equal(answer.interpreter, path.data);
	strbuf_release(&path);
}

static void fake_machine_runs_nothing(void **state)
{
	struct root root;
	struct vulkan_ask ask = {.root = &root, .timeout_ms = 1000};
	struct vulkan_answer answer;

	(void)state;
	assert_int_equal(root_open_directory(&root, "/tmp", NULL), 0);
	vulkan_run(&ask, &answer);
	root_close(&root);
	assert_int_equal(answer.end, VULKAN_NOT_STARTED);
	assert_int_equal(answer.chosen, -1);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(vulkan_result_name(-4), "VK_ERROR_DEVICE_LOST");
	assert_string_equal(vulkan_result_name(-1234), "VkResult -1234");
	assert_string_equal(vulkan_type_name(VULKAN_TYPE_CPU), "CPU");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_said_is_read),
		cmocka_unit_test(ends),
		cmocka_unit_test(last_error_is_quoted),
		cmocka_unit_test(hostile_words_are_bounded),
		cmocka_unit_test(too_many_traits_are_none),
		cmocka_unit_test(environment_is_a_drivers),
		cmocka_unit_test(interpreters),
		cmocka_unit_test(helper_runs_here),
		cmocka_unit_test(missing_libraries_are_named),
		cmocka_unit_test(interpreter_is_heeded),
		cmocka_unit_test(fake_machine_runs_nothing),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
