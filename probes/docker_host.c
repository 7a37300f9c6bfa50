/* SPDX-License-Identifier: Zlib */
/* DOCKER_HOST, taken apart as Docker's clients do (docker/cli, opts/hosts.go). */
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/docker_env.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/text.h"
#include "probes/docker.h"

#define PORT 2375
#define TLS_PORT 2376
#define BLANKS " \t\r\n"

bool docker_host_wants_tls(const struct context *context)
{
	return context_env(context, "DOCKER_TLS_VERIFY") || context_env(context, "DOCKER_TLS");
}

const char *docker_host_of(const struct context *context)
{
	const char *named = context_env(context, "DOCKER_HOST");

	if (named)
		return named;
	return docker_host_wants_tls(context) ? "tcp://localhost:2376"
					      : "unix://" DOCKER_USUAL_SOCKET;
}

static int parse_socket(const char *path, struct docker_host *ret, struct error *error)
{
	if (!*path)
		path = DOCKER_USUAL_SOCKET;
	if (*path != '/')
		return error_set(error, ERROR_USAGE,
				 "the socket's path is not absolute: unix:// and then /");
	ret->way = DOCKER_WAY_SOCKET;
	ret->path = mem_strdup(path);
	ret->shown = mem_format("unix://%s", path);
	return 0;
}

/* ADDRESS is HOST:PORT, and each of them may be left out. */
static int parse_tcp(const char *address, struct docker_host *ret, struct error *error)
{
	bool has_host = *address && *address != ':';
	CLEANUP_FREE char *text = mem_format("%s://%s%s", ret->is_tls ? "https" : "http",
					     has_host ? "" : "localhost", address);
	CLEANUP_FREE char *shown = NULL;

	if (*address == '/')
		return error_set(error, ERROR_USAGE,
				 "a path is no host: a socket is written unix:///PATH");
	if (url_parse(text, &ret->url, error) < 0)
		return -1;
	if (!ret->url.has_port)
		ret->url.port = ret->is_tls ? TLS_PORT : PORT;
	ret->url.has_port = true;
	ret->way = DOCKER_WAY_TCP;
	shown = url_display(&ret->url);
	ret->shown = mem_format("tcp%s", strchr(shown, ':'));
	return 0;
}

static int parse(const char *text, struct docker_host *ret, struct error *error)
{
	static const char unix_scheme[] = "unix://", tcp_scheme[] = "tcp://";

	if (text_starts_with(text, unix_scheme))
		return parse_socket(text + strlen(unix_scheme), ret, error);
	if (text_starts_with(text, tcp_scheme))
		return parse_tcp(text + strlen(tcp_scheme), ret, error);
	if (text_starts_with(text, "ssh://")) {
		ret->way = DOCKER_WAY_SSH;
		ret->shown = mem_strdup("ssh://…");
		return 0;
	}
	if (strstr(text, "://"))
		return error_set(error, ERROR_USAGE,
				 "its scheme is none of unix://, tcp:// and ssh://, in lower case");
	if (text_starts_with(text, "unix:"))
		return error_set(error, ERROR_USAGE, "a socket is written unix:///PATH");
	return parse_tcp(text, ret, error);
}

int docker_host_parse(const char *text, bool is_tls, struct docker_host *ret, struct error *error)
{
	CLEANUP_FREE char *trimmed = mem_strdup(text + strspn(text, BLANKS));
	CLEANUP(docker_host_release) struct docker_host host = {.is_tls = is_tls};
	size_t length = strlen(trimmed);

	while (length && strchr(BLANKS, trimmed[length - 1]))
		trimmed[--length] = '\0';
	if (parse(trimmed, &host, error) < 0)
		return -1;
	*ret = host;
	host = (struct docker_host){0};
	return 0;
}

void docker_host_release(struct docker_host *host)
{
	free(host->shown);
	free(host->path);
	url_release(&host->url);
	*host = (struct docker_host){0};
}
