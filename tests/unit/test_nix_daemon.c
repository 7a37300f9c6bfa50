/* SPDX-License-Identifier: Zlib */
/* The worker protocol: what the client says and understands, byte for byte, for each version, each
 * failure, and daemons that lie. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/nix_daemon.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"
#include "tests/unit/machine.h"

#define PATIENCE_MS 60u
#define STORE_PATH "/nix/store/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-x"

/* The protocol's words as the wire has them. */
#define ZERO "0000000000000000 "
#define ONE "0100000000000000 "
#define TWO "0200000000000000 "
#define MAGIC "6f69786400000000 "
#define HELLO(minor) "6378696e00000000 " minor "01000000000000 "
#define VERSION(minor) minor "01000000000000 "
#define V2_26_3 "0600000000000000 322e32362e330000 "
#define V2_8_0 "0500000000000000 322e382e30000000 "
#define LAST "73746c6100000000 "
#define ERROR_WORD "7074786300000000 "
#define TEXT_ERROR "0500000000000000 4572726f72000000 "
#define TEXT_NO "0200000000000000 6e6f000000000000 "

static size_t from_hex(const char *hex, uint8_t *ret, size_t size)
{
	CLEANUP_STRBUF struct strbuf plain = STRBUF_INIT(65536);
	ptrdiff_t length;

	for (; *hex; hex++)
		if (*hex != ' ' && *hex != '\n')
			strbuf_putc(&plain, *hex);
	length = encoding_base16_decode(plain.data, plain.length, ret, size);
	assert_true(length >= 0);
	return (size_t)length;
}

/* A client's socket with all that the daemon will ever say in it already. */
struct wire {
	int client, daemon;
};

static struct wire wire_make(const char *said, bool is_closed)
{
	uint8_t bytes[32768];
	size_t length = from_hex(said, bytes, sizeof(bytes));
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(write(ends[1], bytes, length), (ssize_t)length);
	if (is_closed)
		assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
	return (struct wire){ends[0], ends[1]};
}

static void wire_release(struct wire *wire)
{
	close(wire->client);
	close(wire->daemon);
}

static void assert_client_said(const struct wire *wire, const char *expected)
{
	uint8_t wanted[4096], said[4096];
	size_t length = from_hex(expected, wanted, sizeof(wanted));

	assert_int_equal(recv(wire->daemon, said, sizeof(said), 0), (ssize_t)length);
	assert_memory_equal(said, wanted, length);
}

/* ---- good handshakes, each byte of the client's part checked */

static const struct {
	const char *name;
	unsigned int ours;
	const char *daemon, *client;
	unsigned int protocol;
	const char *version;
	enum nix_trust trust;
	const char *features;
} greetings[] = {
	{"1.38, Nix 2.26.3", NIX_PROTOCOL_OURS, MAGIC VERSION("26") ZERO V2_26_3 ONE LAST,
	 HELLO("26") ZERO ZERO ZERO, NIX_PROTOCOL(1, 38), "2.26.3", NIX_TRUST_TRUSTED, ""},
	{"1.38, untrusted", NIX_PROTOCOL_OURS, MAGIC VERSION("26") ZERO V2_26_3 TWO LAST,
	 HELLO("26") ZERO ZERO ZERO, NIX_PROTOCOL(1, 38), "2.26.3", NIX_TRUST_UNTRUSTED, ""},
	{"1.38, trust unknown", NIX_PROTOCOL_OURS, MAGIC VERSION("26") ZERO V2_26_3 ZERO LAST,
	 HELLO("26") ZERO ZERO ZERO, NIX_PROTOCOL(1, 38), "2.26.3", NIX_TRUST_UNKNOWN, ""},
	{"1.37: no features", NIX_PROTOCOL_OURS, MAGIC VERSION("25") V2_26_3 ONE LAST,
	 HELLO("26") ZERO ZERO, NIX_PROTOCOL(1, 37), "2.26.3", NIX_TRUST_TRUSTED, ""},
	{"1.35: trust", NIX_PROTOCOL_OURS, MAGIC VERSION("23") V2_26_3 TWO LAST,
	 HELLO("26") ZERO ZERO, NIX_PROTOCOL(1, 35), "2.26.3", NIX_TRUST_UNTRUSTED, ""},
	{"1.34, Nix 2.8.0: no trust", NIX_PROTOCOL_OURS, MAGIC VERSION("22") V2_8_0 LAST,
	 HELLO("26") ZERO ZERO, NIX_PROTOCOL(1, 34), "2.8.0", NIX_TRUST_UNKNOWN, ""},
	{"1.33", NIX_PROTOCOL_OURS, MAGIC VERSION("21") V2_8_0 LAST, HELLO("26") ZERO ZERO,
	 NIX_PROTOCOL(1, 33), "2.8.0", NIX_TRUST_UNKNOWN, ""},
	{"1.39: a newer daemon comes down to ours", NIX_PROTOCOL_OURS,
	 MAGIC VERSION("27") ZERO V2_26_3 ONE LAST, HELLO("26") ZERO ZERO ZERO, NIX_PROTOCOL(1, 38),
	 "2.26.3", NIX_TRUST_TRUSTED, ""},
	{"a client of 1.35 asks for no features", NIX_PROTOCOL(1, 35),
	 MAGIC VERSION("26") V2_26_3 ONE LAST, HELLO("23") ZERO ZERO, NIX_PROTOCOL(1, 35), "2.26.3",
	 NIX_TRUST_TRUSTED, ""},
	{"features", NIX_PROTOCOL_OURS,
	 MAGIC VERSION("26") TWO
	 "0a00000000000000 70726f76656e616e6365000000000000"
	 "0c00000000000000 6164645465 6d70526f6f7473 00000000" V2_26_3 ONE LAST,
	 HELLO("26") ZERO ZERO ZERO, NIX_PROTOCOL(1, 38), "2.26.3", NIX_TRUST_TRUSTED,
	 "provenance\naddTempRoots"},
	{"a feature with strange characters is not kept", NIX_PROTOCOL_OURS,
	 MAGIC VERSION("26") ONE "0300000000000000 610a620000000000" V2_26_3 ONE LAST,
	 HELLO("26") ZERO ZERO ZERO, NIX_PROTOCOL(1, 38), "2.26.3", NIX_TRUST_TRUSTED, ""},
	{"log lines and activities before the end", NIX_PROTOCOL_OURS,
	 MAGIC VERSION("22") V2_8_0
	 "676d6c6f00000000 0200000000000000 6869000000000000 " /* next: "hi" */
	 "5452545300000000 " ONE ONE ONE "0000000000000000 "   /* start activity, "" */
	 TWO ZERO ONE ONE TEXT_NO ZERO                         /* fields 1 and "no"; parent */
	 "544c535200000000 " ONE ONE ZERO                      /* result, no fields */
	 "504f545300000000 " ONE                               /* stop activity */
		 LAST,
	 HELLO("26") ZERO ZERO, NIX_PROTOCOL(1, 34), "2.8.0", NIX_TRUST_UNKNOWN, ""},
};

static void check_greetings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(greetings); i++) {
		CLEANUP(wire_release)
		struct wire wire = wire_make(greetings[i].daemon, false);
		struct nix_daemon daemon;

		print_message("%s\n", greetings[i].name);
		assert_int_equal(
			nix_daemon_handshake(&daemon, wire.client, greetings[i].ours, PATIENCE_MS),
			NIX_DAEMON_OK);
		assert_client_said(&wire, greetings[i].client);
		assert_int_equal(daemon.protocol, greetings[i].protocol);
		assert_string_equal(daemon.version, greetings[i].version);
		assert_int_equal(daemon.trust, greetings[i].trust);
		assert_string_equal(daemon.features, greetings[i].features);
		assert_string_equal(daemon.message, "");
	}
}

/* ---- failures */

static const struct {
	const char *name;
	const char *daemon;
	bool is_closed;
	enum nix_daemon_outcome outcome;
	const char *message; /* part of it */
} failures[] = {
	{"nothing, and closed", "", true, NIX_DAEMON_CLOSED_EARLY, ""},
	{"half a word, and closed", "6f6978", true, NIX_DAEMON_CLOSED_EARLY, ""},
	{"the magic alone", MAGIC, true, NIX_DAEMON_CLOSED_EARLY, ""},
	{"closed before the features", MAGIC VERSION("26"), true, NIX_DAEMON_CLOSED, ""},
	{"closed in the version", MAGIC VERSION("26") ZERO "0600000000000000 32", true,
	 NIX_DAEMON_CLOSED, ""},
	{"closed before the end", MAGIC VERSION("26") ZERO V2_26_3 ONE, true, NIX_DAEMON_CLOSED,
	 ""},
	{"silence", "", false, NIX_DAEMON_SILENT, ""},
	{"silence after the magic", MAGIC, false, NIX_DAEMON_SILENT, ""},
	{"silence before the end", MAGIC VERSION("26") ZERO V2_26_3 ONE, false, NIX_DAEMON_SILENT,
	 ""},
	{"Determinate's denial", "f09f9aab00000000", true, NIX_DAEMON_DENIED, ""},
	{"another protocol", "485454502f312e31 20343030", true, NIX_DAEMON_MALFORMED,
	 "0x312e312f50545448"},
	{"our own magic", "6378696e00000000", true, NIX_DAEMON_MALFORMED, "0x6e697863"},
	{"protocol 1.32", MAGIC VERSION("20") LAST, false, NIX_DAEMON_OLD, ""},
	{"protocol 2.0", MAGIC "0002000000000000", false, NIX_DAEMON_MALFORMED, "0x200"},
	{"a version beyond 16 bits", MAGIC "2601010000000000", false, NIX_DAEMON_MALFORMED,
	 "0x10126"},
	{"an endless string", MAGIC VERSION("22") "ffffffffffffff7f", false, NIX_DAEMON_MALFORMED,
	 "a string of 9223372036854775807 bytes"},
	{"a string of 2^64 - 1", MAGIC VERSION("22") "ffffffffffffffff", false,
	 NIX_DAEMON_MALFORMED, "a string of"},
	{"more features than there are", MAGIC VERSION("26") "0000000001000000", false,
	 NIX_DAEMON_MALFORMED, "4294967296 features"},
	{"padding that is not zero", MAGIC VERSION("22") "0500000000000000 322e382e30000100", false,
	 NIX_DAEMON_MALFORMED, "padding"},
	{"a version with an escape", MAGIC VERSION("22") "0300000000000000 1b5b6d0000000000", false,
	 NIX_DAEMON_MALFORMED, "strange characters"},
	{"trust 3", MAGIC VERSION("23") V2_8_0 "0300000000000000", false, NIX_DAEMON_MALFORMED,
	 "trust 3"},
	{"an unknown message", MAGIC VERSION("22") V2_8_0 "7877767500000000", false,
	 NIX_DAEMON_MALFORMED, "unknown message 0x75767778"},
	{"an activity with a million fields",
	 MAGIC VERSION("22") V2_8_0 "544c535200000000" ONE ONE "40420f0000000000", false,
	 NIX_DAEMON_MALFORMED, "1000000 fields"},
	{"a field of no type", MAGIC VERSION("22") V2_8_0 "544c535200000000" ONE ONE ONE TWO, false,
	 NIX_DAEMON_MALFORMED, "unknown type"},
	{"an error frame",
	 MAGIC VERSION("22") V2_8_0 ERROR_WORD TEXT_ERROR ZERO TEXT_ERROR TEXT_NO ZERO ZERO, false,
	 NIX_DAEMON_ERROR, "no"},
	{"an error frame with escapes and a trace",
	 MAGIC VERSION("22") V2_8_0 ERROR_WORD TEXT_ERROR ZERO TEXT_ERROR
	 "0c00000000000000 1b5b33316d0a6261 641b5b6d00000000 " /* "\e[31m\nbad\e[m" */
	 ZERO ONE ZERO TEXT_NO,
	 false, NIX_DAEMON_ERROR, "bad"},
	{"an error frame with a million traces",
	 MAGIC VERSION("22") V2_8_0 ERROR_WORD TEXT_ERROR ZERO TEXT_ERROR TEXT_NO ZERO
	 "40420f0000000000",
	 false, NIX_DAEMON_MALFORMED, "error frame"},
	{"an error frame with a position",
	 MAGIC VERSION("22") V2_8_0 ERROR_WORD TEXT_ERROR ZERO TEXT_ERROR TEXT_NO ONE ZERO, false,
	 NIX_DAEMON_MALFORMED, "error frame"},
};

static void check_failures(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(failures); i++) {
		CLEANUP(wire_release)
		struct wire wire = wire_make(failures[i].daemon, failures[i].is_closed);
		int64_t start_us = run_clock_us();
		struct nix_daemon daemon;

		print_message("%s\n", failures[i].name);
		assert_int_equal(
			nix_daemon_handshake(&daemon, wire.client, NIX_PROTOCOL_OURS, PATIENCE_MS),
			failures[i].outcome);
		assert_int_equal(daemon.outcome, failures[i].outcome);
		assert_non_null(strstr(daemon.message, failures[i].message));
		assert_null(strpbrk(daemon.message, "\x1b\n"));
		assert_null(strpbrk(daemon.version, "\x1b\n"));
		assert_non_null(daemon.step);
		if (failures[i].outcome == NIX_DAEMON_SILENT)
			assert_true(run_clock_us() - start_us >= PATIENCE_MS * 1000);
	}
}

/* A message of 64 KiB is read and cut, more than the bound is refused. */
static void check_long_texts(void **state)
{
	CLEANUP_STRBUF struct strbuf said = STRBUF_INIT(1u << 20);
	CLEANUP(wire_release) struct wire wire = {-1, -1};
	struct nix_daemon daemon;

	(void)state;
	strbuf_puts(&said, MAGIC VERSION("22") "4020000000000000 "); /* 8256 bytes */
	for (unsigned int i = 0; i < 8256; i++)
		strbuf_puts(&said, "33");
	strbuf_puts(&said, LAST);
	wire = wire_make(said.data, false);
	assert_int_equal(nix_daemon_handshake(&daemon, wire.client, NIX_PROTOCOL_OURS, PATIENCE_MS),
			 NIX_DAEMON_OK);
	assert_int_equal(strlen(daemon.version), sizeof(daemon.version) - 1);
}

/* ---- a path */

#define GREETING MAGIC VERSION("26") ZERO V2_26_3 ONE LAST
#define QUESTION                                                                                   \
	"0100000000000000 2d00000000000000 2f6e69782f73746f 72652f7878787878"                      \
	"7878787878787878 7878787878787878 7878787878787878 7878782d78000000"

static const struct {
	const char *answer;
	bool is_closed;
	int expected;
	enum nix_daemon_outcome outcome;
} answers[] = {
	{LAST ONE, false, 1, NIX_DAEMON_OK},
	{LAST ZERO, false, 0, NIX_DAEMON_OK},
	{LAST TWO, false, -1, NIX_DAEMON_MALFORMED},
	{LAST, true, -1, NIX_DAEMON_CLOSED},
	{"", true, -1, NIX_DAEMON_CLOSED},
	{"", false, -1, NIX_DAEMON_SILENT},
	{ERROR_WORD TEXT_ERROR ZERO TEXT_ERROR TEXT_NO ZERO ZERO, false, -1, NIX_DAEMON_ERROR},
};

static void check_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		CLEANUP_FREE char *said = mem_format("%s%s", GREETING, answers[i].answer);
		CLEANUP(wire_release) struct wire wire = wire_make(said, answers[i].is_closed);
		struct nix_daemon daemon;

		assert_int_equal(
			nix_daemon_handshake(&daemon, wire.client, NIX_PROTOCOL_OURS, PATIENCE_MS),
			NIX_DAEMON_OK);
		assert_int_equal(nix_daemon_is_valid_path(&daemon, STORE_PATH),
				 answers[i].expected);
		assert_int_equal(daemon.outcome, answers[i].outcome);
		assert_client_said(&wire, HELLO("26") ZERO ZERO ZERO QUESTION);
	}
}

/* The daemon's worker dies of an empty path. */
static void check_empty_path(void **state)
{
	CLEANUP(wire_release) struct wire wire = wire_make(GREETING LAST ONE, false);
	struct nix_daemon daemon;

	(void)state;
	(void)nix_daemon_handshake(&daemon, wire.client, NIX_PROTOCOL_OURS, PATIENCE_MS);
	assert_int_equal(nix_daemon_is_valid_path(&daemon, ""), -1);
	assert_client_said(&wire, HELLO("26") ZERO ZERO ZERO);
}

/* ---- peers with a will of their own */

static pid_t start_peer(int ends[2], void (*peer)(int fd))
{
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		peer(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	return pid;
}

static void end_peer(pid_t pid)
{
	int status;

	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* Closing with unread bytes makes ECONNRESET of it. */
static void reset(int fd)
{
	struct pollfd news = {.fd = fd, .events = POLLIN};

	(void)poll(&news, 1, 5000);
	close(fd);
}

static void drip(int fd)
{
	for (unsigned int i = 0; i < 2000; i++) {
		(void)!write(fd, "o", 1);
		(void)poll(NULL, 0, 10);
	}
}

static void check_reset(void **state)
{
	struct nix_daemon daemon;
	int ends[2];
	pid_t pid = start_peer(ends, reset);

	(void)state;
	assert_int_equal(nix_daemon_handshake(&daemon, ends[0], NIX_PROTOCOL_OURS, 5000),
			 NIX_DAEMON_CLOSED_EARLY);
	close(ends[0]);
	end_peer(pid);
}

static void check_drip(void **state)
{
	struct nix_daemon daemon;
	int ends[2];
	pid_t pid = start_peer(ends, drip);
	int64_t start_us = run_clock_us();

	(void)state;
	assert_int_not_equal(nix_daemon_handshake(&daemon, ends[0], NIX_PROTOCOL_OURS, PATIENCE_MS),
			     NIX_DAEMON_OK);
	assert_true(run_clock_us() - start_us < 2000000);
	close(ends[0]);
	end_peer(pid);
}

/* ---- connecting */

static int listen_at(const struct machine *machine, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", machine->directory);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void check_connect(void **state)
{
	struct machine machine;
	struct root root;
	int listener, fd, more[8];

	(void)state;
	machine_make(&machine);
	assert_int_equal(root_open_directory(&root, machine.directory, NULL), 0);
	assert_int_equal(nix_daemon_connect(&root, "/s"), -1);
	assert_int_equal(errno, ENOENT);
	listener = listen_at(&machine, 1);
	fd = nix_daemon_connect(&root, "/s");
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	for (size_t i = 0; i < COUNT(more); i++)
		more[i] = nix_daemon_connect(&root, "/s");
	assert_int_equal(more[COUNT(more) - 1], -1); /* a full queue must not make us wait */
	assert_int_equal(errno, EAGAIN);
	for (size_t i = 0; i < COUNT(more); i++)
		if (more[i] >= 0)
			close(more[i]);
	close(fd);
	close(listener);
	assert_int_equal(nix_daemon_connect(&root, "/s"), -1);
	assert_int_equal(errno, ECONNREFUSED);
	machine_file(&machine, "/file", "");
	assert_int_equal(nix_daemon_connect(&root, "/file"), -1);
	assert_int_equal(errno, ECONNREFUSED);
	root_close(&root);
	machine_remove(&machine);
}

/* ---- whose daemon */

static void check_determinate(void **state)
{
	static const struct {
		const char *features;
		bool expected;
	} cases[] = {
		{"", false},
		{"realisation-with-path-not-hash\ndelete-dead-specific-referrers", false},
		{"queryActiveBuilds", true},
		{"delete-dead-specific-referrers\nprovenance", true},
	};
	struct nix_daemon daemon = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		(void)snprintf(daemon.features, sizeof(daemon.features), "%s", cases[i].features);
		assert_int_equal(nix_daemon_is_determinate(&daemon), cases[i].expected);
	}
	assert_string_equal(nix_trust_name(NIX_TRUST_UNTRUSTED), "untrusted");
}

/* ---- whole exchanges (fixtures/nix-daemon) */

static void check_exchange(const char *name)
{
	CLEANUP_STRBUF struct strbuf daemon_hex = STRBUF_INIT(65536);
	CLEANUP_STRBUF struct strbuf client_hex = STRBUF_INIT(65536);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(4096);
	CLEANUP_FREE char *shown = NULL;
	CLEANUP(wire_release) struct wire wire = {-1, -1};
	struct nix_daemon daemon;
	int is_valid;

	fixture_read("nix-daemon", name, "daemon.hex", &daemon_hex);
	fixture_read("nix-daemon", name, "client.hex", &client_hex);
	fixture_expected("nix-daemon", name, &expected);
	wire = wire_make(daemon_hex.data, false);
	assert_int_equal(nix_daemon_handshake(&daemon, wire.client, NIX_PROTOCOL_OURS, PATIENCE_MS),
			 NIX_DAEMON_OK);
	is_valid = nix_daemon_is_valid_path(&daemon, STORE_PATH);
	assert_client_said(&wire, client_hex.data);
	shown = mem_format("%u.%u %s %s valid=%d determinate=%d", daemon.protocol >> 8,
			   daemon.protocol & 0xff, daemon.version, nix_trust_name(daemon.trust),
			   is_valid, nix_daemon_is_determinate(&daemon));
	assert_string_equal(shown, expected.data);
}

static void check_exchanges(void **state)
{
	(void)state;
	fixture_each("nix-daemon", 2, check_exchange);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_greetings),   cmocka_unit_test(check_failures),
		cmocka_unit_test(check_long_texts),  cmocka_unit_test(check_paths),
		cmocka_unit_test(check_empty_path),  cmocka_unit_test(check_reset),
		cmocka_unit_test(check_drip),        cmocka_unit_test(check_connect),
		cmocka_unit_test(check_determinate), cmocka_unit_test(check_exchanges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
