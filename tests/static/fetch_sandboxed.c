/* SPDX-License-Identifier: Zlib */
/* Proves that the release's libcurl, which is built with few features, downloads as it should in the
 * network sandbox and without root's rights: through a proxy, and taking up what stalled. Ends with 1 when it does not. */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/context.h"
#include "agent/digest.h"
#include "agent/fetch.h"
#include "agent/http.h"
#include "agent/run.h"
#include "agent/sandbox.h"

#define FILE_TEXT "0123456789"

/* What the proxy is asked for in turn, and what it answers. It hangs up only when the other side does. */
static const struct step {
	const char *wanted[2], *answer;
} steps[] = {
	{{"GET http://nowhere.example/x HTTP/1.1\r\n", "Proxy-Authorization: Basic dTpw\r\n"},
	 "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123"},
	{{"GET http://nowhere.example/x HTTP/1.1\r\n", "Range: bytes=4-\r\n"},
	 "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\n"
	 "456789"},
};

static void serve_one(int listener, const struct step *step)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char request[4096];
	ssize_t length = recv(fd, request, sizeof(request) - 1, 0);

	request[length > 0 ? length : 0] = '\0';
	if (strstr(request, step->wanted[0]) && strstr(request, step->wanted[1]))
		(void)send(fd, step->answer, strlen(step->answer), MSG_NOSIGNAL);
	while (recv(fd, request, sizeof(request), 0) > 0)
		;
	close(fd);
}

/* Returns the port of a proxy in a process of its own. */
static unsigned int start_proxy(pid_t *ret_pid)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) < 0 ||
	    listen(listener, 4) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) < 0)
		exit(1);
	*ret_pid = fork();
	if (*ret_pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
			serve_one(listener, &steps[i]);
		_exit(0);
	}
	close(listener);
	return ntohs(address.sin_port);
}

struct fetcher {
	const struct sandbox *sandbox;
	struct context context;
};

static void give_up_rights(void *data)
{
	struct fetcher *fetcher = data;

	root_close(&fetcher->context.root);
	sandbox_drop_root();
	(void)sandbox_enter(fetcher->sandbox, SANDBOX_NETWORK);
}

static _Noreturn void fetch_in_sandbox(const struct sandbox *sandbox, unsigned int port, int out_fd,
				       struct fetch_result *result)
{
	static const char *const urls[] = {"http://nowhere.example/x", NULL};
	static const struct fetch_limits limits = {.connect_ms = 5000,
						   .low_speed_bytes_per_s = 1000,
						   .low_speed_s = 1,
						   .retries = 1,
						   .backoff_ms = 1};
	char variable[64];
	char *environment[] = {variable, NULL};
	struct fetcher fetcher = {.sandbox = sandbox, .context = {.environment = environment}};
	const struct fetch_request request = {
		.context = &fetcher.context,
		.urls = urls,
		.max_bytes = 100,
		.end_us = run_clock_us() + INT64_C(60000000),
		.out_fd = out_fd,
		.limits = &limits,
		.on_ready = give_up_rights,
		.on_ready_data = &fetcher,
	};

	(void)snprintf(variable, sizeof(variable), "http_proxy=http://u:p@127.0.0.1:%u", port);
	if (root_open_directory(&fetcher.context.root, NULL, NULL) < 0)
		_exit(1);
	fetch(&request, result);
	_exit(0);
}

int main(void)
{
	struct fetch_result *result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sandbox *sandbox = sandbox_new(false);
	int pipe_fds[2], status = -1;
	char bytes[200] = "";
	unsigned int port;
	pid_t proxy, child;
	bool is_good;

	digest_initialise();
	http_initialise();
	sandbox_prepare(sandbox, SANDBOX_NETWORK);
	if (result == MAP_FAILED || pipe2(pipe_fds, O_CLOEXEC) < 0)
		return 1;
	port = start_proxy(&proxy);
	child = fork();
	if (child == 0)
		fetch_in_sandbox(sandbox, port, pipe_fds[1], result);
	close(pipe_fds[1]);
	(void)waitpid(child, &status, 0);
	(void)read(pipe_fds[0], bytes, sizeof(bytes) - 1);
	(void)kill(proxy, SIGKILL);
	(void)waitpid(proxy, NULL, 0);
	is_good = status == 0 && result->end == FETCH_DONE && strcmp(bytes, FILE_TEXT) == 0;
	printf("%s: status %d, end %d, %u tries, \"%s\" %s\n", is_good ? "passed" : "failed",
	       status, result->end, result->tries, bytes, result->message);
	sandbox_free(sandbox);
	return is_good ? 0 : 1;
}
