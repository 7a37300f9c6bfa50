/* SPDX-License-Identifier: Zlib */
/* Which daemon is ours, and what it wrote: the record and the log, good, broken and hostile. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/daemon_log.h"
#include "agent/daemon_process.h"
#include "agent/daemon_record.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/private_dir.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define BOOT "/proc/sys/kernel/random/boot_id"
#define ONE "11111111-1111-4111-8111-111111111111"
#define TWO "22222222-2222-4222-8222-222222222222"
#define RECORD(version, pid, start_time, boot)                                                     \
	"{\"version\":" version ",\"pid\":" pid ",\"start_time\":" start_time ",\"boot\":\"" boot  \
	"\",\"program\":\"/p\"}"

struct place {
	struct machine machine;
	struct root root;
	struct private_dir state;
};

static int place_make(void **state)
{
	static struct place place;
	struct error error = {0};

	machine_make(&place.machine);
	machine_file(&place.machine, BOOT, ONE "\n");
	assert_int_equal(root_open_directory(&place.root, place.machine.directory, NULL), 0);
	assert_int_equal(private_dir_open(&place.state, &place.root, "/", "state", &error), 0);
	*state = &place;
	return 0;
}

static int place_remove(void **state)
{
	struct place *place = *state;

	private_dir_close(&place->state);
	root_close(&place->root);
	machine_remove(&place->machine);
	return 0;
}

/* ---- the record */

static void what_is_written_is_read(void **state)
{
	static const struct daemon_process process = {.pid = 4711, .start_time = UINT64_C(1) << 40};
	const struct place *place = *state;
	CLEANUP_DAEMON_RECORD struct daemon_record record = {0};
	struct daemon_process later = process;
	struct error error = {0};
	struct stat status;

	assert_int_equal(daemon_record_read(&place->root, &place->state, &record, &error), 0);
	assert_int_equal(
		daemon_record_write(&place->root, &place->state, &process, "/a \"b\"", &error), 0);
	assert_int_equal(fstatat(place->state.fd, "daemon", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(daemon_record_read(&place->root, &place->state, &record, &error), 1);
	assert_string_equal(record.program, "/a \"b\"");
	assert_true(daemon_record_is(&record, &process));
	later.start_time++; /* the number belongs to somebody else now */
	assert_false(daemon_record_is(&record, &later));
	later = process;
	later.pid++;
	assert_false(daemon_record_is(&record, &later));
	daemon_record_release(&record);
	machine_file(&place->machine, BOOT, TWO "\n");
	assert_int_equal(daemon_record_read(&place->root, &place->state, &record, &error), 0);
	daemon_record_remove(&place->state);
	daemon_record_remove(&place->state);
	assert_int_equal(faccessat(place->state.fd, "daemon", F_OK, 0), -1);
}

static void broken_records(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "state/daemon:"},
		{"4711\n", "must be an object"},
		{RECORD("1", "0", "60", ONE), "/pid"},
		{RECORD("1", "1", "60", ONE), "no daemon's process"},
		{RECORD("1", "-1", "60", ONE), "/pid"},
		{RECORD("1", "4294967298", "60", ONE), "no daemon's process"},
		{RECORD("1", "30.5", "60", ONE), "/pid"},
		{RECORD("1", "\"30\"", "60", ONE), "/pid"},
		{RECORD("1", "30", "0", ONE), "/start_time"},
		{RECORD("2", "30", "60", ONE), "version 2"},
		{"{\"version\":1,\"pid\":30,\"boot\":\"" ONE "\",\"program\":\"/p\"}",
		 "start_time"},
		{RECORD("1", "30", "60", ONE "\",\"kill\":\"1"), "unknown key"},
		{RECORD("1,\"pid\":31", "30", "60", ONE), "pid"},
		{RECORD("1", "30", "60", ONE) "{}", "state/daemon:"},
	};
	const struct place *place = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct daemon_record record = {.pid = -5};
		struct error error = {0};

		assert_int_equal(private_dir_write(&place->state, "daemon", rows[i].text,
						   strlen(rows[i].text), &error),
				 0);
		print_message("%s\n", rows[i].text);
		assert_int_equal(daemon_record_read(&place->root, &place->state, &record, &error),
				 -1);
		assert_int_equal(record.pid, -5);
		assert_non_null(strstr(error.message, rows[i].why));
	}
}

/* What others could have written, or could make us wait for, is no record. */
static void records_that_are_not_ours(void **state)
{
	static const char text[] = RECORD("1", "30", "60", ONE);
	const struct place *place = *state;
	struct daemon_record record = {.pid = -5};

	for (int i = 0; i < 4; i++) {
		struct error error = {0};

		daemon_record_remove(&place->state);
		machine_file(&place->machine, "/elsewhere", text);
		if (i == 0)
			machine_link(&place->machine, "/state/daemon", "../elsewhere");
		else if (i == 1)
			assert_int_equal(mkfifoat(place->state.fd, "daemon", 0600), 0);
		else
			machine_file(&place->machine, "/state/daemon", text);
		if (i >= 2)
			machine_mode(&place->machine, "/state/daemon", i == 2 ? 0620 : 0602);
		assert_int_equal(daemon_record_read(&place->root, &place->state, &record, &error),
				 -1);
		assert_non_null(strstr(error.message, "remove it"));
	}
	assert_int_equal(record.pid, -5);
}

static void without_proc(void **state)
{
	static const struct daemon_process process = {.pid = 30, .start_time = 60};
	const struct place *place = *state;
	struct error error = {0};

	assert_int_equal(unlinkat(place->root.fd, &BOOT[1], 0), 0);
	assert_int_equal(daemon_record_write(&place->root, &place->state, &process, "/p", &error),
			 -1);
	assert_non_null(strstr(error.message, BOOT));
	assert_int_equal(faccessat(place->state.fd, "daemon", F_OK, 0), -1);
}

/* ---- the log */

static void put_log(const struct place *place, const char *text)
{
	machine_file(&place->machine, "/state/" DAEMON_LOG, text);
	machine_mode(&place->machine, "/state/" DAEMON_LOG, 0600);
}

static void last_words(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"", ""},
		{"\n\n \n", ""},
		{"one\n", "one"},
		{"no newline", "no newline"},
		{"one\ntwo\n\nthree\nfour\n\n", "two / three / four"},
		{"\x1b[31;1merror:\x1b[0m current Nix store schema is version 11\n",
		 "error: current Nix store schema is version 11"},
		{"\x1b]0;title\nnext\r\n##[error]x\n::warning::y\n",
		 "next / # #[error]x / ::warning::y"},
		{"cache https://job:secret@cache/ is dead\n",
		 "cache https://job:***@cache/ is dead"},
	};
	const struct place *place = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP_STRBUF struct strbuf tail = STRBUF_INIT(2000);

		put_log(place, rows[i].text);
		daemon_log_tail(&place->state, &tail);
		assert_string_equal(tail.data, rows[i].expected);
	}
}

static void words_without_end(void **state)
{
	const struct place *place = *state;
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(200000), tail = STRBUF_INIT(2000);

	strbuf_puts(&text, "before\n");
	while (text.length < 100000)
		strbuf_puts(&text, "0123456789 ");
	put_log(place, text.data);
	daemon_log_tail(&place->state, &tail);
	assert_in_range(tail.length, 100, DAEMON_LOG_TAIL_BYTES);
	assert_memory_equal(tail.data + tail.length - 3, "…", 3);
}

/* Only what was written since: a start that says nothing is not explained by the one before. */
static void words_since(void **state)
{
	const struct place *place = *state;
	CLEANUP_STRBUF struct strbuf tail = STRBUF_INIT(2000);
	CLEANUP_CLOSE int fd = -1;
	struct error error = {0};
	off_t end = -1;

	put_log(place, "of the first start\n");
	fd = daemon_log_open(&place->state, &end, &error);
	assert_true(fd >= 0);
	daemon_log_tail_from(&place->state, end, &tail);
	assert_string_equal(tail.data, "");
	assert_int_equal(write(fd, "of the second\n", 14), 14);
	daemon_log_tail_from(&place->state, end, &tail);
	assert_string_equal(tail.data, "of the second");
}

static void the_log_is_bounded(void **state)
{
	const struct place *place = *state;
	struct error error = {0};
	off_t end = -1;
	int fd = daemon_log_open(&place->state, &end, &error);

	assert_true(fd >= 0);
	assert_int_equal(end, 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	close(fd);
	fd = daemon_log_open(&place->state, &end, &error);
	assert_int_equal(end, 1 << 20);
	assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
	close(fd);
	fd = daemon_log_open(&place->state, &end, &error);
	assert_int_equal(end, 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
}

/* Root writes to no file that somebody else has chosen. */
static void logs_that_are_not_ours(void **state)
{
	const struct place *place = *state;
	CLEANUP_STRBUF struct strbuf tail = STRBUF_INIT(2000);

	for (int i = 0; i < 5; i++) {
		struct error error = {0};
		off_t end;

		(void)unlinkat(place->state.fd, DAEMON_LOG, 0);
		machine_file(&place->machine, "/shadow", "root's\n");
		machine_mode(&place->machine, "/shadow", 0600);
		if (i == 0)
			machine_link(&place->machine, "/state/" DAEMON_LOG, "../shadow");
		else if (i == 1)
			assert_int_equal(
				linkat(place->root.fd, "shadow", place->state.fd, DAEMON_LOG, 0),
				0);
		else if (i == 2)
			assert_int_equal(mkfifoat(place->state.fd, DAEMON_LOG, 0600), 0);
		else if (i == 3)
			machine_directory(&place->machine, "/state/" DAEMON_LOG);
		if (i == 4) {
			assert_int_equal(unlinkat(place->state.fd, DAEMON_LOG, AT_REMOVEDIR), 0);
			put_log(place, "x\n");
			machine_mode(&place->machine, "/state/" DAEMON_LOG, 0620);
		}
		assert_int_equal(daemon_log_open(&place->state, &end, &error), -1);
		assert_non_null(strstr(error.message, DAEMON_LOG));
	}
	(void)unlinkat(place->state.fd, DAEMON_LOG, 0);
	machine_link(&place->machine, "/state/" DAEMON_LOG, "../shadow");
	daemon_log_tail(&place->state, &tail);
	assert_string_equal(tail.data, "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read),
		TEST(broken_records),
		TEST(records_that_are_not_ours),
		TEST(without_proc),
		TEST(last_words),
		TEST(words_without_end),
		TEST(words_since),
		TEST(the_log_is_bounded),
		TEST(logs_that_are_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
