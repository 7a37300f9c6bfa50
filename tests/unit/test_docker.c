/* SPDX-License-Identifier: Zlib */
/* The docker probe: DOCKER_HOST and versions by tables, its judging half by tables, and the whole of it
 * against servers at sockets and ports. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/digest.h"
#include "agent/docker_client.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/plan.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/docker.h"
#include "probes/table.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"
#include "tests/unit/heard.h"
#include "tests/unit/machine.h"
#include "tests/unit/tiny_server.h"

#define MAX_VARIABLES 4u
#define SHORT_MS 1500u /* of what fails after waiting; a loaded machine answers in less */
#define LONG_MS 10000u /* of what ends by itself */
#define SOCKET "/var/run/docker.sock"

/* ---- DOCKER_HOST; what the real client makes of these is tried in tests/e2e/test_docker.py */

static const struct {
	const char *text;
	bool is_tls;
	const char *expected; /* "refused", or what is shown and where it leads */
} hosts[] = {
	{"unix:///var/run/docker.sock", false, "unix:///var/run/docker.sock /var/run/docker.sock"},
	{"unix:///x", true, "unix:///x /x"},
	{"unix://", false, "unix:///var/run/docker.sock /var/run/docker.sock"},
	{" unix:///x\n", false, "unix:///x /x"},
	{"unix://var/run/docker.sock", false, "refused"},
	{"unix:/var/run/docker.sock", false, "refused"},
	{"/var/run/docker.sock", false, "refused"},
	{"tcp://localhost:2375", false, "tcp://localhost:2375 http localhost 2375"},
	{"tcp://localhost", false, "tcp://localhost:2375 http localhost 2375"},
	{"tcp://Docker", true, "tcp://docker:2376 https docker 2376"},
	{"tcp://docker:2375", true, "tcp://docker:2375 https docker 2375"},
	{"tcp://:2377", false, "tcp://localhost:2377 http localhost 2377"},
	{"tcp://", false, "tcp://localhost:2375 http localhost 2375"},
	{"tcp://[::1]:2375", false, "tcp://[::1]:2375 http ::1 2375"},
	{"tcp://h:1/prefix/", false, "tcp://h:1/prefix http h 1"},
	{"tcp://user:secret@h:1", false, "tcp://h:1 http h 1"},
	{"localhost:2375", false, "tcp://localhost:2375 http localhost 2375"},
	{"docker", false, "tcp://docker:2375 http docker 2375"},
	{"ssh://user@host", false, "ssh://… ssh"},
	{"TCP://localhost:2375", false, "refused"},
	{"http://localhost:2375", false, "refused"},
	{"fd://", false, "refused"},
	{"npipe:////./pipe/docker_engine", false, "refused"},
	{"tcp://localhost:port", false, "refused"},
	{"tcp://localhost:0", false, "refused"},
	{"tcp://${DOCKER_IP}:2375", false, "refused"},
	{"tcp://a b", false, "refused"},
	{"tcp://h\n::error::x", false, "refused"},
};

static char *host_text(const char *text, bool is_tls)
{
	struct docker_host host = {0};
	struct error error = {0};
	char *seen;

	if (docker_host_parse(text, is_tls, &host, &error) < 0) {
		assert_true(*error.message);
		assert_null(strstr(error.message, "secret"));
		return mem_strdup("refused");
	}
	assert_int_equal(host.is_tls, is_tls);
	if (host.way == DOCKER_WAY_SOCKET)
		seen = mem_format("%s %s", host.shown, host.path);
	else if (host.way == DOCKER_WAY_SSH)
		seen = mem_format("%s ssh", host.shown);
	else
		seen = mem_format("%s %s %s %u", host.shown, host.url.scheme, host.url.host,
				  host.url.port);
	docker_host_release(&host);
	return seen;
}

static void check_hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		CLEANUP_FREE char *seen = host_text(hosts[i].text, hosts[i].is_tls);

		assert_string_equal(seen, hosts[i].expected);
	}
}

/* ---- versions */

static void check_version(const char *name)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(100000);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(1000);
	CLEANUP_FREE char *seen = NULL;
	struct docker_version version = {0};

	fixture_read("docker", name, "answer", &text);
	fixture_expected("docker", name, &expected);
	if (docker_version_read(text.data, text.length, &version))
		seen = mem_format("version=%s api=%s oldest=%s system=%s", version.version,
				  version.api, version.oldest_api, version.system);
	assert_string_equal(seen ? seen : "none", expected.data);
}

static void check_versions(void **state)
{
	(void)state;
	fixture_each("docker", 22, check_version);
}

static void check_order(void **state)
{
	static const struct {
		const char *left, *right;
		int sign;
	} rows[] = {
		{"1.24", "1.24", 0}, {"1.9", "1.24", -1}, {"1.45", "1.44", 1},  {"2.0", "1.99", 1},
		{"1.99", "2.0", -1}, {"0.1", "1.0", -1},  {"1.100", "1.99", 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int order = docker_api_compare(rows[i].left, rows[i].right);

		assert_int_equal((order > 0) - (order < 0), rows[i].sign);
	}
}

/* ---- judge */

static struct docker_answer good(const char *api)
{
	struct docker_answer answer = {
		.tries = 1,
		.status = 200,
		.is_pong = true,
		.has_version = true,
		.version = {.version = "28.0.1", .oldest_api = "1.24", .system = "linux/amd64"},
	};

	(void)snprintf(answer.version.api, sizeof(answer.version.api), "%s", api);
	return answer;
}

static void judge(struct docker_evidence *evidence, struct heard *ret)
{
	struct channel channel;

	heard_open(ret, &channel);
	docker_judge(evidence, &channel);
	heard_close(ret, &channel, "docker");
}

static void print_ids(const struct heard *heard, struct strbuf *out)
{
	for (size_t i = 0; i < heard->findings.count; i++)
		strbuf_printf(out, "%s ", finding_kind(heard->findings.items[i].id)->id);
}

static char first_shown[] = "tcp://localhost:2375", usual_shown[] = "unix://" SOCKET;

/* DOCKER_HOST, which fares as ANSWER, beside the usual socket, which fares as OTHER. */
static struct docker_evidence evidence_of(const struct docker_answer *answer,
					  const struct docker_answer *other)
{
	struct docker_evidence evidence = {
		.is_named = true,
		.places = {{{.way = DOCKER_WAY_TCP, .shown = first_shown}, *answer},
			   {{.way = DOCKER_WAY_SOCKET, .shown = usual_shown}, *other}},
		.count = 2,
		.working = 2,
	};

	for (size_t i = 2; i-- > 0;)
		if (docker_is_good(&evidence.places[i].answer))
			evidence.working = i;
	return evidence;
}

static const struct {
	struct docker_answer answer;
	const char *expected;
} answers[] = {
	{{.file_error = ENOENT}, "docker-no-socket "},
	{{.file_error = EACCES}, "docker-denied "},
	{{.file_error = EPERM}, "docker-denied "},
	{{.file_error = ENOTDIR}, "docker-unreachable "},
	{{.is_other_file = true}, "docker-not-socket "},
	{{.resolve = RESOLVE_NXDOMAIN, .failure = HTTP_UNREACHABLE}, "docker-unresolved "},
	{{.failure = HTTP_REFUSED}, "docker-refused "},
	{{.failure = HTTP_UNREACHABLE}, "docker-unreachable "},
	{{.failure = HTTP_CONNECT_TIMEOUT}, "docker-unreachable "},
	{{.failure = HTTP_RESPONSE_TIMEOUT}, "docker-no-answer "},
	{{.failure = HTTP_RESET}, "docker-hung-up "},
	{{.failure = HTTP_TRUNCATED}, "docker-hung-up "},
	{{.failure = HTTP_TOO_LARGE}, "docker-other-server "},
	{{.failure = HTTP_NOT_HTTP}, "docker-other-server "},
	{{.failure = HTTP_TLS_EXPIRED}, "docker-tls-failed "},
	{{.failure = HTTP_TLS_NOT_YET_VALID}, "docker-tls-failed "},
	{{.failure = HTTP_TLS_WRONG_HOST}, "docker-tls-failed "},
	{{.failure = HTTP_TLS_UNTRUSTED}, "docker-tls-failed "},
	{{.failure = HTTP_TLS_PROTOCOL}, "docker-tls-failed "},
	{{.failure = HTTP_TLS_CLIENT_CERTIFICATE}, "docker-tls-credentials "},
	{{.failure = HTTP_NO_CA}, "docker-tls-credentials "},
	{{.failure = HTTP_INTERNAL}, "docker-unreachable "},
	{{.status = 400, .is_tls_wanted = true}, "docker-tls-wanted "},
	{{.status = 404}, "docker-other-server "},
	{{.status = 404, .is_pong = true}, "docker-status "},
	{{.status = 500}, "docker-status "},
	{{.status = 403, .is_pong = true}, "docker-status "},
	{{.status = 200}, "docker-other-server "},
	{{.status = 302}, "docker-other-server "},
	{{.status = 200, .is_pong = true}, "docker-bad-answer "},
	{{.status = 200, .is_pong = true, .has_version = true, .version = {.api = "1.23"}},
	 "docker-api-old "},
};

/* Each failure alone is its own finding; beside a daemon at the usual socket it is one and the same. */
static void check_answers(void **state)
{
	const struct docker_answer none = {.tries = 1, .file_error = ENOENT};
	const struct docker_answer other = good("1.45");

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct docker_evidence alone = evidence_of(&answers[i].answer, &none);
		struct docker_evidence beside = evidence_of(&answers[i].answer, &other);
		CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(4096);
		CLEANUP(heard_release) struct heard first, second;

		judge(&alone, &first);
		print_ids(&first, &ids);
		assert_string_equal(ids.data, answers[i].expected);
		assert_int_equal(facts_boolean(&first.facts, FACT_DOCKER_USABLE), 0);
		assert_null(facts_string(&first.facts, FACT_DOCKER_WORKING_HOST));
		strbuf_clear(&ids);
		judge(&beside, &second);
		print_ids(&second, &ids);
		assert_string_equal(ids.data, "docker-host-dead docker-ready ");
		assert_int_equal(facts_boolean(&second.facts, FACT_DOCKER_USABLE), 1);
		assert_string_equal(facts_string(&second.facts, FACT_DOCKER_WORKING_HOST),
				    usual_shown);
	}
}

static void check_good(void **state)
{
	static const struct {
		const char *api, *expected;
	} rows[] = {
		{"1.24", "docker-ready docker-api-aged "},
		{"1.43", "docker-ready docker-api-aged "},
		{"1.44", "docker-ready "},
		{"1.100", "docker-ready "},
	};
	const struct docker_answer none = {.tries = 1, .file_error = ENOENT};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct docker_answer answer = good(rows[i].api);
		struct docker_evidence evidence = evidence_of(&answer, &none);
		CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(4096);
		CLEANUP(heard_release) struct heard heard;

		judge(&evidence, &heard);
		print_ids(&heard, &ids);
		assert_string_equal(ids.data, rows[i].expected);
		assert_null(facts_string(&heard.facts, FACT_DOCKER_WORKING_HOST));
		assert_string_equal(facts_string(&heard.facts, "docker.api_version"), rows[i].api);
	}
}

/* What cannot be proven is neither called usable nor dead, whatever answers beside it. */
static void check_unproven(void **state)
{
	static const struct {
		struct docker_answer answer;
		enum docker_way way;
		bool is_unverified;
		const char *expected;
	} rows[] = {
		{{0}, DOCKER_WAY_SSH, false, "docker-host-not-proven "},
		{{.failure = HTTP_TLS_UNTRUSTED}, DOCKER_WAY_TCP, true, "docker-tls-unverified "},
		{{.failure = HTTP_TLS_EXPIRED}, DOCKER_WAY_TCP, true, "docker-tls-unverified "},
	};
	const struct docker_answer other = good("1.45");

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct docker_evidence evidence = evidence_of(&rows[i].answer, &other);
		CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(4096);
		CLEANUP(heard_release) struct heard heard;

		evidence.places[0].host.way = rows[i].way;
		evidence.is_unverified = rows[i].is_unverified;
		judge(&evidence, &heard);
		print_ids(&heard, &ids);
		assert_string_equal(ids.data, rows[i].expected);
		assert_int_equal(facts_boolean(&heard.facts, FACT_DOCKER_USABLE), -1);
		assert_null(facts_string(&heard.facts, FACT_DOCKER_WORKING_HOST));
	}
}

/* Without DOCKER_HOST, the socket that is there tells more than the one that is not. */
static void check_most_telling(void **state)
{
	const struct docker_answer none = {.tries = 1, .file_error = ENOENT};
	const struct docker_answer denied = {.tries = 2, .file_error = EACCES};
	struct docker_evidence evidence = evidence_of(&none, &denied);
	CLEANUP(heard_release) struct heard heard;

	(void)state;
	evidence.is_named = false;
	judge(&evidence, &heard);
	assert_int_equal(heard.findings.count, 1);
	assert_int_equal(heard.findings.items[0].id, FINDING_DOCKER_DENIED);
	assert_string_equal(heard.findings.items[0].subject, usual_shown);
}

/* ---- the client */

static void check_client(void **state)
{
	static const struct {
		const char *client, *oldest;
		bool is_old;
	} rows[] = {
		{"24.0.4", "1.44", true},        {"20.10.24+dfsg1", "1.44", true},
		{"18.09.1", "1.40", true},       {"27.5.1", "1.48", true},
		{"25.0.0", "1.44", false},       {"24.0.4", "1.43", false},
		{"26.1.5+dfsg1", "1.24", false}, {"29.0.0", "1.44", false},
		{"28.0.1", "1.99", false}, /* not in the table: said nothing of */
		{"1.13.1", "1.44", false},       {"17.03.0-ce", "1.44", false},
		{"24.0.4", "2.0", false},        {"24.0.4", "1", false},
		{"-1", "1.44", false},           {"", "1.44", false},
		{NULL, "1.44", false},           {"24.0.4", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP(facts_release) struct facts facts = {0};
		CLEANUP(findings_release) struct findings findings = {0};

		if (rows[i].client)
			facts_set_text(&facts, FACT_DOCKER_VERSION, FACT_STRING, rows[i].client);
		if (rows[i].oldest)
			facts_set_text(&facts, FACT_DOCKER_OLDEST_API, FACT_STRING, rows[i].oldest);
		docker_client_judge(&facts, &findings);
		assert_int_equal(findings.count, rows[i].is_old ? 1 : 0);
	}
}

/* ---- the whole probe */

static const char docker[] = "{\"Version\":\"28.0.1\",\"ApiVersion\":\"1.48\",\"Os\":\"linux\","
			     "\"Arch\":\"amd64\"}";

static void reply(int fd, const char *status, const char *body)
{
	char text[1024];
	int length = snprintf(text, sizeof(text),
			      "HTTP/1.1 %s\r\nApi-Version: 1.48\r\nContent-Length: %zu\r\n"
			      "Connection: close\r\n\r\n%s",
			      status, strlen(body), body);

	tiny_write(fd, text, (size_t)length);
}

/* DATA is the answer for /version; NULL: an error to everything. */
static void serve(int fd, const void *data)
{
	char request[4096];

	(void)tiny_read_until(fd, "\r\n\r\n", request, sizeof(request));
	if (!data)
		reply(fd, "500 Internal Server Error", "{\"message\":\"no\\u001b[31m disk\"}");
	else
		reply(fd, "200 OK", strstr(request, "GET /_ping ") ? "OK" : data);
}

/* Hangs up on the first two, as a daemon that is starting may. DATA is a counter in shared memory. */
static void serve_late(int fd, const void *data)
{
	int *count = *(int *const *)data;

	if (__atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST) > 2)
		serve(fd, docker);
}

static void mute(int fd, const void *data)
{
	char request[4096];

	(void)data;
	while (tiny_read_until(fd, "\r\n\r\n\r\n", request, sizeof(request)) > 0)
		;
}

struct trial {
	struct machine machine;
	struct options options;
	char *variables[MAX_VARIABLES];
	struct heard heard;
};

static void trial_open(struct trial *trial)
{
	*trial = (struct trial){.options = {.deadline_ms = SHORT_MS}};
	machine_make(&trial->machine);
	machine_file(&trial->machine, "/var/run/.keep", "");
	machine_file(&trial->machine, "/etc/group", "root:x:0:\nbroken\ndocker:x:123:\n");
}

static void trial_run(struct trial *trial)
{
	struct task task = {.deadline_ms = 10000};
	struct channel channel;
	struct job job = {.options = &trial->options};

	assert_int_equal(root_open_directory(&job.context.root, trial->machine.directory, NULL), 0);
	job.context.environment = trial->variables;
	heard_open(&trial->heard, &channel);
	probe_find("docker")->run(&job, &task, &channel);
	heard_close(&trial->heard, &channel, "docker");
	root_close(&job.context.root);
}

static void trial_close(struct trial *trial)
{
	heard_release(&trial->heard);
	for (size_t i = 0; i < MAX_VARIABLES; i++)
		free(trial->variables[i]);
	machine_remove(&trial->machine);
}

static void expect(struct trial *trial, const char *ids, const char *in_detail)
{
	CLEANUP_STRBUF struct strbuf seen = STRBUF_INIT(4096);

	print_ids(&trial->heard, &seen);
	assert_string_equal(seen.data, ids);
	if (!strstr(trial->heard.findings.items[0].detail, in_detail))
		fail_msg("%s: no \"%s\"", trial->heard.findings.items[0].detail, in_detail);
}

static void start_local(struct trial *trial, struct tiny_server *ret, const char *path,
			const void *data)
{
	CLEANUP_FREE char *whole = mem_format("%s%s", trial->machine.directory, path);

	tiny_server_start_local(ret, whole, data == docker || !data ? serve : mute, data);
}

static const struct {
	const char *variable; /* %u is the port of a server at TCP, which is Docker's */
	const char *path;     /* of the socket that is served; NULL: none */
	const char *ids, *in_detail;
} places[] = {
	{NULL, SOCKET, "docker-ready ", "Docker 28.0.1, API 1.48, linux/amd64"},
	{NULL, NULL, "docker-no-socket ", "No such file or directory"},
	{"DOCKER_HOST=unix:///x.sock", "/x.sock", "docker-ready ", "Docker 28.0.1"},
	{"DOCKER_HOST=unix:///x.sock", SOCKET, "docker-host-dead docker-ready ",
	 "by DOCKER_HOST; No such file or directory; a daemon answers at unix://" SOCKET},
	{"DOCKER_HOST=tcp://127.0.0.1:%u", NULL, "docker-ready ", "Docker 28.0.1"},
	{"DOCKER_HOST=127.0.0.1:%u", NULL, "docker-ready ", "Docker 28.0.1"},
	{"DOCKER_HOST=tcp://127.0.0.1:1", SOCKET, "docker-host-dead docker-ready ",
	 "127.0.0.1 port 1: connection refused"},
	{"DOCKER_HOST=tcp://127.0.0.1:1", NULL, "docker-refused ", "; unix://" SOCKET ": No such"},
	{"DOCKER_HOST=tcp://nowhere.invalid", SOCKET, "docker-host-dead docker-ready ",
	 "nowhere.invalid"},
	{"DOCKER_HOST=http://x", SOCKET, "docker-host-dead docker-ready ", "its scheme is none"},
	{"DOCKER_HOST=http://x", NULL, "docker-host-not-valid ", "its scheme is none"},
	{"DOCKER_HOST=ssh://u@h", SOCKET, "docker-host-not-proven ", "ssh"},
	{"DOCKER_TLS_VERIFY=1", SOCKET, "docker-host-dead docker-ready ",
	 "/.docker/ca.pem cannot be read"},
	{"DOCKER_TLS_VERIFY=1", NULL, "docker-tls-credentials ", "/.docker/ca.pem cannot be read"},
	{NULL, "/run/docker.sock", "docker-host-dead docker-ready ",
	 "a daemon answers at unix:///run/docker.sock"},
};

static void check_places(void **state)
{
	struct tiny_server tcp;

	(void)state;
	tiny_server_start(&tcp, serve, NULL, docker);
	for (size_t i = 0; i < COUNT(places); i++) {
		CLEANUP_STRBUF struct strbuf variable = STRBUF_INIT(256);
		struct tiny_server local;
		struct trial trial;

		trial_open(&trial);
		machine_file(&trial.machine, "/run/.keep", "");
		if (places[i].variable) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			strbuf_printf(&variable, places[i].variable, tcp.port);
#pragma GCC diagnostic pop
			trial.variables[0] = strbuf_take(&variable);
		}
		if (places[i].path)
			start_local(&trial, &local, places[i].path, docker);
		if (strstr(places[i].ids, "docker-ready"))
			trial.options.deadline_ms = LONG_MS;
		trial_run(&trial);
		expect(&trial, places[i].ids, places[i].in_detail);
		if (places[i].path)
			tiny_server_stop(&local);
		trial_close(&trial);
	}
	tiny_server_stop(&tcp);
}

static const struct {
	const char *answer;
	const char *ids, *in_detail;
} wrong[] = {
	{NULL, "docker-status ", "GET /_ping: HTTP status 500, and says: no disk"},
	{"mute", "docker-no-answer ", "no complete answer in time"},
};

static void check_wrong_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct tiny_server local;
		struct trial trial;

		trial_open(&trial);
		start_local(&trial, &local, SOCKET, wrong[i].answer);
		trial_run(&trial);
		expect(&trial, wrong[i].ids, wrong[i].in_detail);
		tiny_server_stop(&local);
		trial_close(&trial);
	}
}

/* What is at the path without a daemon: a stale socket, a file, a directory. */
static void check_leftovers(void **state)
{
	struct tiny_server local;
	struct trial trial;

	(void)state;
	trial_open(&trial);
	start_local(&trial, &local, SOCKET, docker);
	tiny_server_stop(&local);
	trial_run(&trial);
	expect(&trial, "docker-refused ", "connection refused");
	trial_close(&trial);

	trial_open(&trial);
	machine_file(&trial.machine, SOCKET, "");
	trial_run(&trial);
	expect(&trial, "docker-not-socket ", "it is no socket");
	trial_close(&trial);

	trial_open(&trial);
	machine_directory(&trial.machine, SOCKET);
	trial_run(&trial);
	expect(&trial, "docker-not-socket ", "it is a directory");
	trial_close(&trial);
}

/* A daemon that accepts nothing: the queue takes one connection, and that is there. */
static void check_full_queue(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct trial trial;

	(void)state;
	trial_open(&trial);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s" SOCKET,
		       trial.machine.directory);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	trial_run(&trial);
	expect(&trial, "docker-no-answer ", "its queue is full");
	trial_close(&trial);
	close(client);
	close(listener);
}

/* A daemon that hangs up at first is asked again, and what was dead is no contradiction then. */
static void check_waiting(void **state)
{
	int *count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	struct tiny_server tcp;
	struct trial trial;

	(void)state;
	assert_true(count != MAP_FAILED);
	tiny_server_start(&tcp, serve_late, NULL, &count);
	trial_open(&trial);
	trial.options.deadline_ms = LONG_MS;
	trial.variables[0] = mem_format("DOCKER_HOST=tcp://127.0.0.1:%u", tcp.port);
	trial_run(&trial);
	expect(&trial, "docker-ready ", "Docker 28.0.1");
	assert_true(*count > 3);
	tiny_server_stop(&tcp);
	trial_close(&trial);
	(void)munmap(count, sizeof(*count));
}

/* /var/run is a link to /run in most images: one socket, and one place. */
static void check_one_place(void **state)
{
	struct trial trial;

	(void)state;
	trial_open(&trial);
	machine_remove(&trial.machine);
	machine_make(&trial.machine);
	machine_file(&trial.machine, "/run/.keep", "");
	machine_file(&trial.machine, "/var/.keep", "");
	machine_link(&trial.machine, "/var/run", "/run");
	trial_run(&trial);
	expect(&trial, "docker-no-socket ", "No such file");
	assert_null(strstr(trial.heard.findings.items[0].detail, "unix:///run/docker.sock"));
	trial_close(&trial);
}

/* ---- plan */

static void check_plan(void **state)
{
	static const struct {
		unsigned int required, promises;
		const char *variable, *subject, *why;
	} rows[] = {
		{LANE_DOCKER, LANE_DOCKER, NULL, "unix://" SOCKET, "the lane promises docker"},
		{LANE_DOCKER, 0, "DOCKER_HOST=tcp://u:p@h", "tcp://h:2375", "docker is required"},
		{LANE_DOCKER, 0, "DOCKER_HOST=http://secret", "DOCKER_HOST", "docker is required"},
		{LANE_NIX, LANE_NIX, NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP_FREE char *variable = mem_strdup(rows[i].variable);
		char *variables[] = {variable, NULL};
		struct job job = {.required = rows[i].required};
		struct plan plan = {0};

		job.lane.promises = rows[i].promises;
		job.context.environment = variables;
		probe_find("docker")->plan(&job, &plan);
		assert_int_equal(plan.count, rows[i].subject ? 1 : 0);
		if (plan.count) {
			assert_int_equal(plan.tasks[0].kind, TASK_PROMISE);
			assert_string_equal(plan.tasks[0].subject, rows[i].subject);
			assert_string_equal(plan.tasks[0].why, rows[i].why);
		}
		plan_release(&plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_hosts),         cmocka_unit_test(check_versions),
		cmocka_unit_test(check_order),         cmocka_unit_test(check_answers),
		cmocka_unit_test(check_good),          cmocka_unit_test(check_unproven),
		cmocka_unit_test(check_most_telling),  cmocka_unit_test(check_places),
		cmocka_unit_test(check_wrong_answers), cmocka_unit_test(check_leftovers),
		cmocka_unit_test(check_full_queue),    cmocka_unit_test(check_waiting),
		cmocka_unit_test(check_one_place),     cmocka_unit_test(check_client),
		cmocka_unit_test(check_plan),
	};

	digest_initialise();
	http_initialise();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
