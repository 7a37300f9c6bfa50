/* SPDX-License-Identifier: Zlib */
/* Downloads from mirrors that are good, break off, lie, lead astray or are not there. */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/digest.h"
#include "agent/fetch.h"
#include "agent/http.h"
#include "agent/mem.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"
#include "tests/unit/tiny_server.h"
#include "tests/unit/tls_server.h"

#define MAX_STEPS 9u
#define MAX_MIRRORS 3u
#define MAX_BYTES 100u
#define FILE_TEXT "0123456789"

/* In a hurry where a test waits for it, and patient where one must not be cut short. */
static const struct fetch_limits hurried = {
	.connect_ms = 5000,
	.low_speed_bytes_per_s = 1000,
	.low_speed_s = 1,
	.retries = 3,
	.backoff_ms = 1,
	.retry_after_max_ms = 1,
	.min_share_ms = 10000,
};

/* ---- the server: answers its requests one after the other, as a case has it */

#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r\n"
#define PART(range, length)                                                                        \
	"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " range                              \
	"\r\nContent-Length: " #length "\r\n\r\n"
#define TO(location) "HTTP/1.1 302 Found\r\nLocation: " location "\r\nContent-Length: 2\r\n\r\nno"
#define STATUS(status) "HTTP/1.1 " #status " No\r\nContent-Length: 2\r\n\r\nno"
#define STALLS "~" /* in front: the connection stays open behind the answer */
#define RESETS "!" /* and is reset */

struct step {
	const char *wanted; /* begins the request, or lies somewhere in it behind a "…" */
	const char *answer; /* "PORT" stands for the server's own */
};

struct fetch_case {
	const char *what;
	const char *urls[MAX_MIRRORS + 1]; /* likewise; "DEAD" for a port where nothing listens */
	struct step steps[MAX_STEPS];
	enum fetch_end end;
	unsigned int tries, mirror;
	const char *message;               /* in the result's */
	const char *environment[3];        /* likewise */
	const struct fetch_limits *limits; /* NULL: hurried */
	size_t first;
	const char *bytes; /* that the pipe gets; NULL: FILE_TEXT when done, else whatever came */
};

struct server_data {
	const struct fetch_case *wanted;
	_Atomic unsigned int requests;
};

static uint16_t port_of(int fd)
{
	struct sockaddr_in address = {0};
	socklen_t length = sizeof(address);

	(void)getsockname(fd, (struct sockaddr *)&address, &length);
	return ntohs(address.sin_port);
}

/* TEXT with the ports in it; the caller frees. */
static char *expand(const char *text, unsigned int port, unsigned int dead)
{
	struct strbuf out = STRBUF_INIT(4096);
	const char *mark;

	while ((mark = strpbrk(text, "PD"))) {
		bool is_port = strncmp(mark, "PORT", 4) == 0,
		     is_dead = strncmp(mark, "DEAD", 4) == 0;

		strbuf_add(&out, text, (size_t)(mark - text));
		if (is_port || is_dead)
			strbuf_printf(&out, "%u", is_port ? port : dead);
		else
			strbuf_putc(&out, *mark);
		text = mark + (is_port || is_dead ? 4 : 1);
	}
	strbuf_puts(&out, text);
	return strbuf_take(&out);
}

static bool is_wanted(const char *request, const char *wanted)
{
	const char *rest = strstr(wanted, "…");

	if (!rest)
		return strncmp(request, wanted, strlen(wanted)) == 0;
	return strncmp(request, wanted, (size_t)(rest - wanted)) == 0 &&
	       strstr(request, rest + strlen("…"));
}

static void serve(int fd, const void *data)
{
	struct server_data *server = *(struct server_data *const *)data;
	unsigned int index = atomic_fetch_add(&server->requests, 1);
	const struct step *step = &server->wanted->steps[index < MAX_STEPS ? index : 0];
	CLEANUP_FREE char *wanted = NULL, *answer = NULL;
	char request[4096], byte;
	const char *text;

	(void)tiny_read_until(fd, "\r\n\r\n", request, sizeof(request));
	wanted = expand(step->wanted ? step->wanted : "nothing", port_of(fd), 0);
	if (!is_wanted(request, wanted))
		fprintf(stderr, "%s: request %u: %s\n", server->wanted->what, index, request);
	answer = expand(is_wanted(request, wanted) ? step->answer : STATUS(499), port_of(fd), 0);
	text = answer + strspn(answer, STALLS RESETS);
	tiny_write(fd, text, strlen(text));
	if (*answer == *STALLS)
		while (read(fd, &byte, 1) > 0)
			;
	if (*answer == *RESETS)
		tiny_reset(fd);
}

/* ---- */

static struct server_data *server_data; /* shared with the servers' processes */
static struct tiny_server server;

static int start(void **state)
{
	(void)state;
	digest_initialise();
	http_initialise();
	(void)signal(SIGPIPE, SIG_IGN);
	server_data = mmap(NULL, sizeof(*server_data), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	tiny_server_start(&server, serve, NULL, &server_data);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	tiny_server_stop(&server);
	munmap(server_data, sizeof(*server_data));
	return 0;
}

static void make_machine(struct machine *machine, struct context *context)
{
	char *ca = mem_alloc(8192, 1);
	FILE *file = fopen("fixtures/tls/ca.pem", "r");

	assert_true(fread(ca, 1, 8191, file) > 0);
	(void)fclose(file);
	machine_make(machine);
	machine_file(machine, "/etc/hosts",
		     "127.0.0.1 a.test b.test c.test cache.test proxy.test\n127.0.0.2 two.test\n"
		     "127.0.0.1 two.test\n");
	machine_file(machine, "/etc/ssl/cert.pem", ca);
	assert_int_equal(root_open_directory(&context->root, machine->directory, NULL), 0);
	free(ca);
}

static void remove_machine(struct machine *machine, struct context *context)
{
	root_close(&context->root);
	machine_remove(machine);
}

static void expand_all(const char *const *texts, size_t count, unsigned int dead, char **ret)
{
	for (size_t i = 0; i < count && texts[i]; i++)
		ret[i] = expand(texts[i], server.port, dead);
}

static void free_all(char **texts)
{
	for (; *texts; texts++)
		free(*texts);
}

static void check(const struct fetch_case *wanted, const struct fetch_result *got,
		  const char *bytes)
{
	const char *expected = wanted->bytes;
	const char *message = wanted->message ? wanted->message : "";
	bool is_good = *message ? strstr(got->message, message) != NULL : !*got->message;

	if (!expected)
		expected = wanted->end == FETCH_DONE ? FILE_TEXT : bytes;
	if (!is_good || got->end != wanted->end || got->tries != wanted->tries ||
	    got->mirror != wanted->mirror || strcmp(bytes, expected) != 0 ||
	    strstr(got->message, "secret"))
		fail_msg("%s: end %d, %u tries, mirror %u, bytes \"%s\", message: %s", wanted->what,
			 got->end, got->tries, got->mirror, bytes, got->message);
	assert_int_equal(got->bytes, strlen(bytes));
}

static void run_case(const struct fetch_case *wanted)
{
	unsigned int dead = tiny_unused_port();
	char *urls[MAX_MIRRORS + 1] = {NULL}, *environment[4] = {NULL};
	struct context context = {.environment = environment};
	struct machine machine;
	int pipe_fds[2];
	struct fetch_request request = {
		.context = &context,
		.urls = (const char *const *)urls,
		.first = wanted->first,
		.max_bytes = MAX_BYTES,
		.end_us = run_clock_us() + INT64_C(60000000),
		.limits = wanted->limits ? wanted->limits : &hurried,
	};
	struct fetch_result result;
	char bytes[MAX_BYTES * 2];
	ssize_t length;

	server_data->wanted = wanted;
	atomic_store(&server_data->requests, 0);
	make_machine(&machine, &context);
	expand_all(wanted->urls, MAX_MIRRORS, dead, urls);
	expand_all(wanted->environment, 3, dead, environment);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	request.out_fd = pipe_fds[1];
	fetch(&request, &result);
	close(pipe_fds[1]);
	length = read(pipe_fds[0], bytes, sizeof(bytes) - 1);
	assert_true(length >= 0);
	bytes[length] = '\0';
	close(pipe_fds[0]);
	check(wanted, &result, bytes);
	remove_machine(&machine, &context);
	free_all(urls);
	free_all(environment);
}

static void run_cases(const struct fetch_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		run_case(&cases[i]);
}

#define A "http://a.test:PORT/x"
#define B "http://b.test:PORT/x"
#define C "http://c.test:PORT/x"
#define DEAD_MIRROR "http://a.test:DEAD/x"
#define GET "GET /x HTTP/1.1\r\nHost: a.test:"
#define GET_B "GET /x HTTP/1.1\r\nHost: b.test:"
#define FROM(start) "GET /x HTTP/1.1\r\n…\r\nRange: bytes=" #start "-\r\n"

static const struct fetch_case good_cases[] = {
	{.what = "good", .urls = {A}, .steps = {{GET, OK(10) FILE_TEXT}}, .tries = 1},
	{.what = "without a length",
	 .urls = {A},
	 .steps = {{GET, "HTTP/1.1 200 OK\r\n\r\n" FILE_TEXT}},
	 .tries = 1},
	{.what = "an empty file", .urls = {A}, .steps = {{GET, OK(0)}}, .tries = 1, .bytes = ""},
	{.what = "another port, a query, an upper-case scheme",
	 .urls = {"HTTP://a.test:PORT/y/../x?q=1"},
	 .steps = {{"GET /x?q=1 HTTP/1.1\r\n", OK(10) FILE_TEXT}},
	 .tries = 1},
	{.what = "the second mirror first",
	 .urls = {A, B},
	 .first = 1,
	 .steps = {{GET_B, OK(10) FILE_TEXT}},
	 .mirror = 1,
	 .tries = 1},
	{.what = "round the list's end",
	 .urls = {A, B},
	 .first = 1,
	 .steps = {{GET_B, STATUS(404)}, {GET, OK(10) FILE_TEXT}},
	 .mirror = 0,
	 .tries = 2},
	{.what = "the second address",
	 .urls = {"http://two.test:PORT/x"},
	 .steps = {{"GET /x HTTP", OK(10) FILE_TEXT}},
	 .tries = 1},
};

static void fetches_files(void **state)
{
	(void)state;
	run_cases(good_cases, COUNT(good_cases));
}

static const struct fetch_case broken_cases[] = {
	{.what = "taken up after a short body",
	 .urls = {A},
	 .steps = {{GET, OK(10) "0123"}, {FROM(4), PART("4-9/10", 6) "456789"}},
	 .tries = 2},
	{.what = "taken up after a reset, twice",
	 .urls = {A},
	 .steps = {{GET, "!" OK(10) "01"},
		   {GET, OK(10) "0123"},
		   {FROM(4), PART("4-9/10", 6) "45"},
		   {FROM(6), PART("6-9/*", 4) "6789"}},
	 .tries = 4},
	{.what = "a server that knows no ranges",
	 .urls = {A},
	 .steps = {{GET, OK(10) "0123"}, {FROM(4), OK(10) FILE_TEXT}},
	 .tries = 2},
	{.what = "a part of the part",
	 .urls = {A},
	 .steps = {{GET, OK(10) "0123"},
		   {FROM(4), PART("4-6/10", 3) "456"},
		   {FROM(7), PART("7-9/10", 3) "789"}},
	 .tries = 3},
	{.what = "the length comes last",
	 .urls = {A},
	 .steps = {{GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n" FILE_TEXT},
		   {FROM(10), "HTTP/1.1 416 No\r\nContent-Range: bytes */10\r\n\r\n"}},
	 .tries = 2},
	{.what = "taken up at the next mirror",
	 .urls = {A, B},
	 .steps = {{GET, OK(10) "0123"},
		   {FROM(4), STATUS(404)},
		   {"GET /x HTTP/1.1\r\nHost: b.test:…bytes=4-", PART("4-9/10", 6) "456789"}},
	 .mirror = 1,
	 .tries = 3},
	{.what = "another part than was asked for",
	 .urls = {A, B},
	 .steps = {{GET, OK(10) "0123"},
		   {FROM(4), PART("5-9/10", 5) "56789"},
		   {FROM(4), PART("4-9/10", 6) "456789"}},
	 .mirror = 1,
	 .tries = 3},
	{.what = "a part that nobody asked for",
	 .urls = {A},
	 .steps = {{GET, PART("0-9/10", 10) FILE_TEXT}},
	 .end = FETCH_FAILED,
	 .message = "/x: another part of the file than was asked for",
	 .tries = 1,
	 .bytes = ""},
	{.what = "a part without a range",
	 .urls = {A},
	 .steps = {{GET, OK(10) "0123"}, {FROM(4), "HTTP/1.1 206 X\r\n\r\n456789"}},
	 .end = FETCH_FAILED,
	 .message = "another part of the file than was asked for",
	 .tries = 2,
	 .bytes = "0123"},
	{.what = "nothing from there on",
	 .urls = {A},
	 .steps = {{GET, OK(10) "0123"},
		   {FROM(4), "HTTP/1.1 416 No\r\nContent-Range: bytes */3\r\n\r\n"}},
	 .end = FETCH_FAILED,
	 .message = "/x: HTTP 416",
	 .tries = 2},
	{.what = "another length",
	 .urls = {A},
	 .steps = {{GET, OK(10) "0123"}, {FROM(4), PART("4-10/11", 7) "4567890"}},
	 .end = FETCH_FAILED,
	 .message = "a file of 11 bytes, where 10 were announced before",
	 .tries = 2},
	{.what = "another length, but nothing came of the first",
	 .urls = {A},
	 .steps = {{GET, "!" OK(11)}, {GET, OK(10) FILE_TEXT}},
	 .tries = 2},
	{.what = "a shorter file",
	 .urls = {A},
	 .steps = {{GET, OK(10) "0123"}, {FROM(4), "HTTP/1.1 200 OK\r\n\r\n01"}},
	 .end = FETCH_FAILED,
	 .message = "a file that is shorter than what came before",
	 .tries = 2},
	{.what = "never all of it",
	 .urls = {A},
	 .steps = {{GET, OK(10) "0"},
		   {FROM(1), PART("1-9/10", 9) "1"},
		   {FROM(2), PART("2-9/10", 8) "2"},
		   {FROM(3), PART("3-9/10", 7) "3"}},
	 .end = FETCH_FAILED,
	 .message = "/x: stopped after 4 of 10 bytes: the answer is shorter than it said it would "
		    "be, 4 tries",
	 .tries = 4,
	 .bytes = "0123"},
	{.what = "stalls, then goes on",
	 .urls = {A},
	 .steps = {{GET, "~" OK(10) "0123"}, {FROM(4), PART("4-9/10", 6) "456789"}},
	 .tries = 2},
};

static void takes_up_what_broke(void **state)
{
	(void)state;
	run_cases(broken_cases, COUNT(broken_cases));
}

static const struct fetch_limits once = {
	.connect_ms = 5000,
	.low_speed_bytes_per_s = 1000,
	.low_speed_s = 1,
	.min_share_ms = 10000,
	.retry_after_max_ms = 60000,
};
/* Its retries would come; a server that asks for more time than there is gets none. */
static const struct fetch_limits polite = {
	.connect_ms = 5000,
	.retries = 3,
	.backoff_ms = 1,
	.retry_after_max_ms = 600000,
	.min_share_ms = 10000,
};

static const struct fetch_case failing_cases[] = {
	{.what = "HTML",
	 .urls = {A},
	 .steps = {{GET, "HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=x\r\n\r\n<html>"}},
	 .end = FETCH_FAILED,
	 .message = "/x: an HTML page where an archive was expected",
	 .tries = 1,
	 .bytes = ""},
	{.what = "an empty HTML page",
	 .urls = {A},
	 .steps = {{GET,
		    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"}},
	 .end = FETCH_FAILED,
	 .message = "an HTML page where an archive was expected",
	 .tries = 1},
	{.what = "an encoding",
	 .urls = {A},
	 .steps = {{GET, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx"}},
	 .end = FETCH_FAILED,
	 .message = "a Content-Encoding, which was not asked for",
	 .tries = 1},
	{.what = "404, then the second mirror",
	 .urls = {A, B},
	 .steps = {{GET, STATUS(404)}, {GET_B, OK(10) FILE_TEXT}},
	 .mirror = 1,
	 .tries = 2},
	{.what = "503 twice, then good",
	 .urls = {A},
	 .steps = {{GET, STATUS(503)},
		   {GET, "HTTP/1.1 429 Slow\r\nRetry-After: 3600\r\n\r\n"},
		   {GET, OK(10) FILE_TEXT}},
	 .tries = 3},
	{.what = "more time than there is",
	 .urls = {A, B},
	 .steps = {{GET, "HTTP/1.1 503 Slow\r\nRetry-After: 100\r\n\r\n"},
		   {GET_B, OK(10) FILE_TEXT}},
	 .mirror = 1,
	 .tries = 2,
	 .limits = &polite},
	{.what = "503 for good",
	 .urls = {A},
	 .steps = {{GET, STATUS(503)}, {GET, STATUS(502)}, {GET, STATUS(500)}, {GET, STATUS(503)}},
	 .end = FETCH_FAILED,
	 .message = "/x: HTTP 503, 4 tries",
	 .tries = 4},
	{.what = "the first is refused",
	 .urls = {DEAD_MIRROR, B},
	 .steps = {{GET_B, OK(10) FILE_TEXT}},
	 .mirror = 1,
	 .tries = 5},
	{.what = "each has its reason",
	 .urls = {A, DEAD_MIRROR, C},
	 .steps = {{GET, STATUS(403)}, {"GET /x HTTP/1.1\r\nHost: c.test:", STATUS(410)}},
	 .end = FETCH_FAILED,
	 .message = "/x: HTTP 403; http://a.test:",
	 .mirror = 2,
	 .tries = 3,
	 .limits = &once},
	{.what = "stalls",
	 .urls = {A},
	 .steps = {{GET, "~" OK(10) "0123"}},
	 .end = FETCH_FAILED,
	 .message = "/x: stopped after 4 of 10 bytes: a stall",
	 .tries = 1,
	 .bytes = "0123",
	 .limits = &once},
	{.what = "more than is taken, as announced",
	 .urls = {A},
	 .steps = {{GET, OK(101)}},
	 .end = FETCH_FAILED,
	 .message = "a file of more than 100 bytes, the most that is taken",
	 .tries = 1,
	 .bytes = ""},
	{.what = "more than is taken, when taken up",
	 .urls = {A},
	 .steps = {{GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123"},
		   {FROM(4), PART("4-100/101", 97)}},
	 .end = FETCH_FAILED,
	 .message = "a file of 101 bytes; at most 100 are taken",
	 .tries = 2,
	 .bytes = "0123"},
	{.what = "no URL",
	 .urls = {NULL},
	 .end = FETCH_FAILED,
	 .message = "there is no URL to fetch from",
	 .tries = 0},
	{.what = "no URL that can be used",
	 .urls = {"ftp://a.test/x", "http://user:secret@a.test/x?secret"},
	 .end = FETCH_FAILED,
	 .message = "http://user:***@a.test/x: the URL holds a user name",
	 .mirror = 1,
	 .tries = 0},
	{.what = "a name that cannot be resolved",
	 .urls = {"http://nowhere.test/x"},
	 .end = FETCH_FAILED,
	 .message = "http://nowhere.test/x: nowhere.test: resolv.conf names no DNS server",
	 .tries = 1},
	{.what = "no HTTP",
	 .urls = {A},
	 .steps = {{GET, "SSH-2.0-OpenSSH_9.2\r\n"}},
	 .end = FETCH_FAILED,
	 .message = "the other side does not speak the protocol",
	 .tries = 1},
};

static void tells_what_failed(void **state)
{
	(void)state;
	run_cases(failing_cases, COUNT(failing_cases));
}

static const struct fetch_case redirect_cases[] = {
	{.what = "a chain to another host",
	 .urls = {A},
	 .steps = {{GET, TO("/y?sig=1")},
		   {"GET /y?sig=1 HTTP/1.1\r\nHost: a.test:", TO("http://b.test:PORT/z/./q")},
		   {"GET /z/q HTTP/1.1\r\nHost: b.test:", TO("../r")},
		   {"GET /r HTTP/1.1\r\nHost: b.test:", OK(10) FILE_TEXT}},
	 .tries = 1},
	{.what = "five",
	 .urls = {A},
	 .steps = {{GET, TO("1")},
		   {"GET /1", TO("2")},
		   {"GET /2", TO("3")},
		   {"GET /3", TO("4")},
		   {"GET /4", TO("5")},
		   {"GET /5", OK(10) FILE_TEXT}},
	 .tries = 1},
	{.what = "six",
	 .urls = {A},
	 .steps = {{GET, TO("1")},
		   {"GET /1", TO("2")},
		   {"GET /2", TO("3")},
		   {"GET /3", TO("4")},
		   {"GET /4", TO("5")},
		   {"GET /5", TO("6")}},
	 .end = FETCH_FAILED,
	 .message = "redirects more than 5 times",
	 .tries = 1},
	{.what = "a circle",
	 .urls = {A, B},
	 .steps = {{GET, TO("/y")}, {"GET /y", TO("//a.test:PORT/x")}, {GET_B, STATUS(404)}},
	 .end = FETCH_FAILED,
	 .message = "/y: redirects in a circle; http://b.test",
	 .mirror = 1,
	 .tries = 2},
	{.what = "to itself",
	 .urls = {A},
	 .steps = {{GET, TO("#part")}},
	 .end = FETCH_FAILED,
	 .message = "/x: redirects in a circle",
	 .tries = 1},
	{.what = "nowhere",
	 .urls = {A},
	 .steps = {{GET, "HTTP/1.1 301 X\r\n\r\n"}},
	 .end = FETCH_FAILED,
	 .message = "HTTP 301 that does not say where to",
	 .tries = 1},
	{.what = "to a file",
	 .urls = {A},
	 .steps = {{GET, TO("file:///etc/passwd")}},
	 .end = FETCH_FAILED,
	 .message = "redirects to where nobody can go",
	 .tries = 1},
	{.what = "with user info",
	 .urls = {A},
	 .steps = {{GET, TO("http://u:secret@b.test:PORT/x")}},
	 .end = FETCH_FAILED,
	 .message = "redirects to where nobody can go",
	 .tries = 1},
	{.what = "to one that fails",
	 .urls = {A},
	 .steps = {{GET, TO("http://b.test:PORT/y?secret")}, {"GET /y?secret", STATUS(403)}},
	 .end = FETCH_FAILED,
	 .message = "/y: HTTP 403",
	 .tries = 1},
	{.what = "anew for the rest",
	 .urls = {A},
	 .steps = {{GET, TO("/y")},
		   {"GET /y", OK(10) "0123"},
		   {FROM(4), TO("/z")},
		   {"GET /z…bytes=4-", PART("4-9/10", 6) "456789"}},
	 .tries = 2},
	{.what = "304 is none",
	 .urls = {A},
	 .steps = {{GET, "HTTP/1.1 304 X\r\nLocation: /y\r\n\r\n"}},
	 .end = FETCH_FAILED,
	 .message = "/x: HTTP 304",
	 .tries = 1},
};

static void follows_redirects(void **state)
{
	(void)state;
	run_cases(redirect_cases, COUNT(redirect_cases));
}

#define PROXY "http_proxy=http://us:secret@proxy.test:PORT"
#define TUNNEL "https_proxy=http://us:secret@proxy.test:PORT"
#define ASKS "GET http://nowhere.test/x HTTP/1.1\r\n…Proxy-Authorization: Basic dXM6c2VjcmV0\r\n"
#define CONNECTS "CONNECT nowhere.test:443 HTTP/1.1\r\n"

static const struct fetch_case proxy_cases[] = {
	{.what = "through a proxy, to a name that nobody here knows",
	 .urls = {"http://nowhere.test/x"},
	 .steps = {{ASKS, OK(10) FILE_TEXT}},
	 .environment = {PROXY},
	 .tries = 1},
	{.what = "directly",
	 .urls = {A},
	 .steps = {{GET, OK(10) FILE_TEXT}},
	 .environment = {PROXY, "no_proxy=.test"},
	 .tries = 1},
	{.what = "a password is wanted",
	 .urls = {"http://nowhere.test/x"},
	 .steps = {{ASKS, STATUS(407)}},
	 .environment = {PROXY},
	 .end = FETCH_FAILED,
	 .message = "(http_proxy): HTTP 407, it wants a user name and a password",
	 .tries = 1},
	{.what = "404 through it",
	 .urls = {"http://nowhere.test/x"},
	 .steps = {{ASKS, STATUS(404)}},
	 .environment = {PROXY},
	 .end = FETCH_FAILED,
	 .message = "/x: HTTP 404, through the proxy http://proxy.test:",
	 .tries = 1},
	{.what = "a dead proxy",
	 .urls = {"http://nowhere.test/x"},
	 .environment = {"http_proxy=http://us:secret@proxy.test:DEAD"},
	 .end = FETCH_FAILED,
	 .message = "(http_proxy): connection refused",
	 .tries = 1,
	 .limits = &once},
	{.what = "an unknown proxy",
	 .urls = {"http://a.test/x"},
	 .environment = {"http_proxy=http://proxy.invalid.test..:1", NULL},
	 .end = FETCH_FAILED,
	 .message = "http_proxy: the URL's host is neither",
	 .tries = 1},
	{.what = "a SOCKS proxy",
	 .urls = {"https://a.test/x"},
	 .environment = {"ALL_PROXY=socks5://us:secret@proxy.test:PORT"},
	 .end = FETCH_FAILED,
	 .message = "https://a.test/x: ALL_PROXY names a SOCKS proxy",
	 .tries = 1},
	{.what = "no tunnel without a password",
	 .urls = {"https://nowhere.test/x"},
	 .steps = {{CONNECTS, STATUS(407)}},
	 .environment = {TUNNEL},
	 .end = FETCH_FAILED,
	 .message = "(https_proxy): HTTP 407, it wants a user name and a password",
	 .tries = 1},
	{.what = "no tunnel",
	 .urls = {"https://nowhere.test/x"},
	 .steps = {{CONNECTS, STATUS(502)},
		   {CONNECTS, ""},
		   {CONNECTS, STATUS(503)},
		   {CONNECTS, STATUS(502)}},
	 .environment = {TUNNEL},
	 .end = FETCH_FAILED,
	 .message = "(https_proxy): HTTP 502, 4 tries",
	 .tries = 4},
	{.what = "no TLS in the tunnel",
	 .urls = {"https://nowhere.test/x"},
	 .steps = {{CONNECTS, "HTTP/1.1 200 OK\r\n\r\nno TLS"}},
	 .environment = {TUNNEL},
	 .end = FETCH_FAILED,
	 .message = "https://nowhere.test/x: the TLS handshake failed",
	 .tries = 1},
};

static void goes_through_proxies(void **state)
{
	(void)state;
	run_cases(proxy_cases, COUNT(proxy_cases));
}

/* ---- TLS */

static const struct tls_case {
	const char *what;
	struct tls_server server;
	enum fetch_end end;
	const char *message;
} tls_cases[] = {
	{"good", {.pem = "fixtures/tls/good.pem", .answer_1_1 = OK(10) FILE_TEXT}, FETCH_DONE, ""},
	{"downgrade",
	 {.pem = "fixtures/tls/good.pem", .answer_1_1 = TO("http://a.test/x")},
	 FETCH_FAILED,
	 "redirects from https to http"},
	{"expired",
	 {.pem = "fixtures/tls/expired.pem"},
	 FETCH_FAILED,
	 "the server's certificate has expired"},
};

static void speaks_tls(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tls_cases); i++) {
		const struct tls_case *wanted = &tls_cases[i];
		struct context context = {0};
		struct machine machine;
		struct tiny_server tls;
		const char *urls[2] = {NULL, NULL};
		struct fetch_request request = {
			.context = &context,
			.urls = urls,
			.max_bytes = MAX_BYTES,
			.end_us = run_clock_us() + INT64_C(60000000),
			.limits = &hurried,
			.out_fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
		};
		struct fetch_result result;
		CLEANUP_FREE char *url = NULL;

		make_machine(&machine, &context);
		tiny_server_start(&tls, tls_serve, NULL, &wanted->server);
		urls[0] = url = mem_format("https://cache.test:%u/x", tls.port);
		fetch(&request, &result);
		tiny_server_stop(&tls);
		if (result.end != wanted->end || result.tries != 1 ||
		    !strstr(result.message, wanted->message))
			fail_msg("%s: end %d, %u tries: %s", wanted->what, result.end, result.tries,
				 result.message);
		close(request.out_fd);
		remove_machine(&machine, &context);
	}
}

/* ---- rights that are given up on the way */

struct readying {
	struct machine machine;
	struct context context;
	unsigned int requests; /* that were made before */
	unsigned int calls;
};

/* Nothing that lies on this machine can be read any more. */
static void take_the_machine_away(void *data)
{
	struct readying *readying = data;

	readying->calls++;
	readying->requests = atomic_load(&server_data->requests);
	remove_machine(&readying->machine, &readying->context);
}

/* From http to a host by TLS: the CA certificates, the hosts and the resolver have been read by then. */
static void needs_no_files_once_it_is_ready(void **state)
{
	static const struct tls_server secure = {.pem = "fixtures/tls/good.pem",
						 .answer_1_1 = OK(10) FILE_TEXT};
	struct readying readying = {0};
	struct tiny_server tls, plain; /* which knows the port of the other */
	const char *urls[2] = {NULL, NULL};
	struct fetch_request request = {
		.context = &readying.context,
		.urls = urls,
		.max_bytes = MAX_BYTES,
		.end_us = run_clock_us() + INT64_C(60000000),
		.limits = &hurried,
		.out_fd = open("/dev/null", O_WRONLY | O_CLOEXEC),
		.on_ready = take_the_machine_away,
		.on_ready_data = &readying,
	};
	struct fetch_case redirect = {.what = "to TLS"};
	struct fetch_result result;
	CLEANUP_FREE char *url = NULL, *answer = NULL;

	(void)state;
	make_machine(&readying.machine, &readying.context);
	tiny_server_start(&tls, tls_serve, NULL, &secure);
	answer = mem_format(TO("https://cache.test:%u/x"), tls.port);
	redirect.steps[0] = (struct step){GET, answer};
	server_data->wanted = &redirect;
	atomic_store(&server_data->requests, 0);
	tiny_server_start(&plain, serve, NULL, &server_data);
	urls[0] = url = expand(A, plain.port, 0);
	fetch(&request, &result);
	tiny_server_stop(&plain);
	tiny_server_stop(&tls);
	if (result.end != FETCH_DONE || result.tries != 1)
		fail_msg("end %d, %u tries: %s", result.end, result.tries, result.message);
	assert_int_equal(readying.calls, 1);
	assert_int_equal(readying.requests, 0);
	close(request.out_fd);
}

/* ---- a file that is larger than every buffer, and the pipe's other end */

#define LARGE_BYTES 3000001u

static uint8_t byte_at(size_t index)
{
	return (uint8_t)(index * 7 + index / 251);
}

static void send_large(int fd, size_t from, size_t to)
{
	uint8_t *bytes = mem_alloc(LARGE_BYTES, 1);

	for (size_t i = from; i < to; i++)
		bytes[i] = byte_at(i);
	tiny_write(fd, bytes + from, to - from);
	free(bytes);
}

/* The first answer breaks off at an odd place. */
static void serve_large(int fd, const void *data)
{
	char request[4096], *head;
	const char *range;
	size_t from = 0;

	(void)data;
	(void)tiny_read_until(fd, "\r\n\r\n", request, sizeof(request));
	range = strstr(request, "bytes=");
	if (range)
		from = strtoul(range + 6, NULL, 10);
	head = range ? mem_format("HTTP/1.1 206 X\r\nContent-Range: bytes %zu-%u/%u\r\n\r\n", from,
				  LARGE_BYTES - 1, LARGE_BYTES)
		     : mem_format("HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", LARGE_BYTES);
	tiny_write(fd, head, strlen(head));
	free(head);
	send_large(fd, from, range ? LARGE_BYTES : 1234567);
}

/* Reads the pipe to its end, or COUNT bytes of it. Returns whether all was as it should be. */
static bool read_large(int fd, size_t count)
{
	uint8_t bytes[65536];
	size_t at = 0;
	ssize_t length = 1;

	while (at < count && (length = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < length; i++)
			if (bytes[i] != byte_at(at++))
				return false;
	return length == 0 ? at == LARGE_BYTES : at >= count;
}

/* Returns the reader's exit status. */
static int fetch_large(size_t read_bytes, struct fetch_result *result)
{
	struct context context = {0};
	struct machine machine;
	struct tiny_server large;
	int pipe_fds[2], status;
	const char *urls[2] = {NULL, NULL};
	struct fetch_request request = {
		.context = &context,
		.urls = urls,
		.max_bytes = LARGE_BYTES,
		.end_us = run_clock_us() + INT64_C(60000000),
		.limits = &hurried,
	};
	CLEANUP_FREE char *url = NULL;
	pid_t reader;

	make_machine(&machine, &context);
	tiny_server_start(&large, serve_large, NULL, NULL);
	urls[0] = url = mem_format("http://a.test:%u/x", large.port);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	reader = fork();
	if (reader == 0) {
		close(pipe_fds[1]);
		_exit(read_large(pipe_fds[0], read_bytes) ? 0 : 1);
	}
	close(pipe_fds[0]);
	request.out_fd = pipe_fds[1];
	fetch(&request, result);
	close(pipe_fds[1]);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	tiny_server_stop(&large);
	remove_machine(&machine, &context);
	return status;
}

static void passes_large_files_on(void **state)
{
	struct fetch_result result;

	(void)state;
	assert_int_equal(fetch_large(SIZE_MAX, &result), 0);
	if (result.end != FETCH_DONE || result.tries != 2 || result.bytes != LARGE_BYTES)
		fail_msg("%d, %u tries, %llu bytes: %s", result.end, result.tries,
			 (unsigned long long)result.bytes, result.message);
}

static void notices_that_the_reader_is_gone(void **state)
{
	struct fetch_result result;

	(void)state;
	assert_int_equal(fetch_large(1000, &result), 0);
	assert_int_equal(result.end, FETCH_READER_GONE);
	assert_string_equal(result.message, "");
}

/* A pipe that was never one is no mirror's fault: no other mirror is bothered. */
static void tells_what_it_cannot_write_to(void **state)
{
	static const struct fetch_case good = {.what = "good", .steps = {{GET, OK(10) FILE_TEXT}}};
	struct context context = {0};
	struct machine machine;
	char *url = expand(A, server.port, 0);
	const char *urls[] = {url, url, NULL};
	struct fetch_request request = {
		.context = &context,
		.urls = urls,
		.max_bytes = MAX_BYTES,
		.end_us = run_clock_us() + INT64_C(60000000),
		.out_fd = open("/dev/full", O_WRONLY | O_CLOEXEC),
	};
	struct fetch_result result;

	(void)state;
	make_machine(&machine, &context);
	server_data->wanted = &good;
	atomic_store(&server_data->requests, 0);
	fetch(&request, &result);
	assert_int_equal(result.end, FETCH_FAILED);
	assert_int_equal(result.tries, 1);
	assert_string_equal(result.message,
			    "what was fetched cannot be passed on: No space left on device");
	close(request.out_fd);
	remove_machine(&machine, &context);
	free(url);
}

static void does_nothing_when_its_time_is_over(void **state)
{
	struct context context = {0};
	struct machine machine;
	char *url = expand(A, server.port, 0);
	const char *urls[] = {url, url, NULL};
	struct fetch_request request = {
		.context = &context, .urls = urls, .max_bytes = 1, .end_us = run_clock_us() - 1};
	struct fetch_result result;

	(void)state;
	make_machine(&machine, &context);
	fetch(&request, &result);
	assert_int_equal(result.end, FETCH_FAILED);
	assert_int_equal(result.tries, 0);
	assert_non_null(strstr(result.message, "/x: no time was left for it; http://"));
	remove_machine(&machine, &context);
	free(url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fetches_files),
		cmocka_unit_test(takes_up_what_broke),
		cmocka_unit_test(tells_what_failed),
		cmocka_unit_test(follows_redirects),
		cmocka_unit_test(goes_through_proxies),
		cmocka_unit_test(speaks_tls),
		cmocka_unit_test(needs_no_files_once_it_is_ready),
		cmocka_unit_test(passes_large_files_on),
		cmocka_unit_test(notices_that_the_reader_is_gone),
		cmocka_unit_test(tells_what_it_cannot_write_to),
		cmocka_unit_test(does_nothing_when_its_time_is_over),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
