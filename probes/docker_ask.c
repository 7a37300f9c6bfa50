/* SPDX-License-Identifier: Zlib */
/* One place asked once. A socket is looked at first: what its file tells, no connection does. */
#include "probes/docker_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/endpoint_connect.h"
#include "agent/job.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/text.h"
#include "probes/probe.h"

#define MAX_BODY_BYTES 65536u
#define MAX_PEM_BYTES 65536u
#define MAX_GROUP_FILE_BYTES (1u << 20)
#define MAX_SAID_BYTES 120u
#define MAX_ID 4294967294ul
#define MAX_GROUP_NAME_BYTES 32u
#define MAX_SOCKET_PATH 107u /* of sockaddr_un, without its NUL */

/* One place, for as long as it is asked. */
struct question {
	struct docker_asker *asker;
	const struct docker_host *host;
	struct docker_answer *answer;
	struct target target; /* of TCP; of a socket, its time alone */
	struct strbuf socket; /* path by which the socket is connected to */
	int socket_fd;        /* the file that it leads through, or -1 */
	char api[16];         /* the Api-Version of the last answer, or "" */
	struct strbuf detail;
};

/* ---- certificates */

/* Returns whether the file is read, or (where it may be) not there. */
static bool read_pem(const struct root *root, const char *path, struct strbuf *out, char *problem,
		     size_t size)
{
	if (root_read(root, path, out) == 0 || errno == ENOENT)
		return true;
	(void)snprintf(problem, size, "%s: %s", path, strerror(errno));
	return false;
}

/* As the clients do it: ca.pem must be there, the client's own certificate and key need not. */
static void read_certificates(struct docker_asker *asker, char *problem, size_t size)
{
	const struct context *context = &asker->job->context;
	const char *named = context_env(context, "DOCKER_CERT_PATH");
	CLEANUP_FREE char *directory =
		named ? mem_strdup(named)
		      : mem_format("%s/.docker", context->home ? context->home : "");
	CLEANUP_FREE char *ca = mem_format("%s/ca.pem", directory);
	CLEANUP_FREE char *certificate = mem_format("%s/cert.pem", directory);
	CLEANUP_FREE char *key = mem_format("%s/key.pem", directory);

	if (*directory != '/')
		(void)snprintf(problem, size, "DOCKER_CERT_PATH is no absolute path");
	else if (!ca_search_find(context, ca, &asker->ca))
		(void)snprintf(problem, size, "%s cannot be read, or is empty", ca);
	else if (read_pem(&context->root, certificate, &asker->certificate, problem, size))
		(void)read_pem(&context->root, key, &asker->key, problem, size);
}

void docker_asker_open(struct docker_asker *asker, const struct docker_host *first, char *problem,
		       size_t size)
{
	strbuf_init(&asker->ca.bundle, 0);
	strbuf_init(&asker->certificate, MAX_PEM_BYTES);
	strbuf_init(&asker->key, MAX_PEM_BYTES);
	if (first->way == DOCKER_WAY_TCP)
		resolver_read(&asker->resolver, &asker->job->context.root);
	if (first->is_tls)
		read_certificates(asker, problem, size);
}

void docker_asker_close(struct docker_asker *asker)
{
	resolver_release(&asker->resolver);
	ca_search_release(&asker->ca);
	strbuf_release(&asker->certificate);
	strbuf_release(&asker->key);
}

/* ---- the socket's file */

/* The name of a group by /etc/group, which is what a pod's image has; the caller frees; NULL: none. */
static char *group_name(const struct root *root, gid_t gid)
{
	CLEANUP_STRBUF struct strbuf groups = STRBUF_INIT(MAX_GROUP_FILE_BYTES);

	if (root_read(root, "/etc/group", &groups) < 0)
		return NULL;
	for (const char *line = groups.data; *line; line += *line == '\n') {
		size_t name = strcspn(line, ":\n"), length = strcspn(line, "\n");
		const char *password = line + name + (line[name] == ':');
		const char *number = password + strcspn(password, ":\n");
		unsigned long id = MAX_ID + 1;
		CLEANUP_FREE char *found = mem_strndup(line, name);
		CLEANUP_FREE char *digits = NULL;

		number += *number == ':';
		digits = mem_strndup(number, strcspn(number, ":\n"));
		if (text_to_number(digits, 0, MAX_ID, &id) && id == gid)
			return text_cleaned(found, MAX_GROUP_NAME_BYTES);
		line += length;
	}
	return NULL;
}

/* "unix:///…: Permission denied: mode 0660, owner 0, group 123 (docker); this user is 1001" */
static void describe_denial(struct question *question, const struct stat *status)
{
	const struct context *context = &question->asker->job->context;
	CLEANUP_FREE char *name = group_name(&context->root, status->st_gid);

	strbuf_printf(&question->detail, ": mode %04o, owner %u, group %u",
		      (unsigned int)status->st_mode & 07777, status->st_uid, status->st_gid);
	if (name)
		strbuf_printf(&question->detail, " (%s)", name);
	strbuf_printf(&question->detail, "; this user is %u, %s that group",
		      (unsigned int)context->uid,
		      context_has_group(context, status->st_gid) ? "in" : "not in");
}

/* Sets the path by which the socket can be connected to; inside a fake machine, or where the path is
 * too long for an address, that is through the open file. Returns false, with the reason, where there
 * is no socket. */
static bool find_socket(struct question *question, struct stat *ret_status)
{
	const struct root *root = &question->asker->job->context.root;
	const char *path = question->host->path;

	question->socket_fd = root_open(root, path, O_PATH, 0);
	if (question->socket_fd < 0 || fstat(question->socket_fd, ret_status) < 0) {
		question->answer->file_error = errno;
		strbuf_puts(&question->detail, strerror(errno));
		return false;
	}
	question->answer->is_other_file = !S_ISSOCK(ret_status->st_mode);
	if (question->answer->is_other_file) {
		strbuf_puts(&question->detail,
			    S_ISDIR(ret_status->st_mode) ? "it is a directory" : "it is no socket");
		return false;
	}
	if (root->is_confined || strlen(path) > MAX_SOCKET_PATH)
		strbuf_printf(&question->socket, "/proc/self/fd/%d", question->socket_fd);
	else
		strbuf_puts(&question->socket, path);
	return true;
}

/* ---- requests */

static void on_header(void *data, const char *name, const char *value)
{
	struct question *question = data;

	if (strcmp(name, "api-version") == 0 && strlen(value) < sizeof(question->api) &&
	    docker_api_is_version(value))
		(void)snprintf(question->api, sizeof(question->api), "%s", value);
}

static void get(struct question *question, const char *path, struct http_response *response)
{
	struct docker_asker *asker = question->asker;
	bool is_tcp = question->host->way == DOCKER_WAY_TCP;
	CLEANUP_FREE char *url = mem_format("%s%s%s",
					    is_tcp                   ? question->target.origin
					    : question->host->is_tls ? "https://localhost"
								     : "http://localhost",
					    is_tcp ? question->host->url.path : "", path);
	struct http_request request = {
		.url = url,
		.unix_socket = is_tcp ? NULL : question->socket.data,
		.client_certificate = {asker->certificate.data, asker->certificate.length},
		.client_key = {asker->key.data, asker->key.length},
		.ca = &asker->ca,
		.max_body_bytes = MAX_BODY_BYTES,
		.timeout_ms = target_left_ms(&question->target) + 1, /* 0 would mean no limit */
		.on_header = on_header,
		.on_header_data = question,
	};
	struct http_connection *connection = http_open();

	if (!asker->certificate.length)
		request.client_certificate = request.client_key = (struct http_pem){0};
	if (is_tcp)
		target_prepare(&question->target, &request);
	question->api[0] = '\0';
	http_perform(connection, &request, response);
	http_close(connection);
}

/* What an error's JSON says, else how its text begins. */
static void quote(struct question *question, const struct http_response *response)
{
	CLEANUP_JSON struct json *document = NULL;
	const char *message = NULL;
	CLEANUP_FREE char *said = NULL;

	if (json_parse(response->body.data, response->body.length, "", &document, NULL) == 0)
		message = json_string(json_member(document, "message"));
	said = text_cleaned(message ? message : response->body.data, MAX_SAID_BYTES);
	if (*said)
		strbuf_printf(&question->detail, ", and says: %s", said);
}

/* libcurl has no errno for a socket whose queue of connections is full: nobody accepts them. */
static void keep_socket_failure(struct question *question, const struct http_response *response)
{
	struct docker_answer *answer = question->answer;

	if (response->failure != HTTP_UNREACHABLE) {
		strbuf_puts(&question->detail, http_failure_text(response->failure));
	} else if (response->os_errno) {
		answer->file_error = response->os_errno;
		strbuf_puts(&question->detail, strerror(response->os_errno));
	} else {
		answer->failure = HTTP_RESPONSE_TIMEOUT;
		strbuf_puts(&question->detail, "its queue is full: no connection is accepted");
	}
}

/* Takes what became of a request; returns whether it was answered with status 200. */
static bool keep(struct question *question, const char *path, const struct http_response *response)
{
	struct docker_answer *answer = question->answer;

	answer->failure = response->failure;
	answer->status = response->status;
	answer->is_tls_wanted = target_wants_tls(response);
	if (response->failure != HTTP_OK && question->host->way == DOCKER_WAY_SOCKET) {
		keep_socket_failure(question, response);
	} else if (response->failure != HTTP_OK) {
		target_describe_failure(&question->target, response, &question->detail);
	} else if (response->status != 200) {
		strbuf_printf(&question->detail, "GET %s: HTTP status %ld", path, response->status);
		quote(question, response);
	}
	return response->failure == HTTP_OK && response->status == 200;
}

static bool ask_ping(struct question *question)
{
	CLEANUP(http_response_release) struct http_response response = {0};

	channel_phase(question->asker->channel, "ask the daemon: /_ping");
	get(question, "/_ping", &response);
	if (!keep(question, "/_ping", &response))
		return false;
	question->answer->is_pong = *question->api && text_starts_with(response.body.data, "OK");
	if (!question->answer->is_pong)
		strbuf_puts(&question->detail, "GET /_ping is not answered as Docker does");
	return question->answer->is_pong;
}

static void ask_version(struct question *question)
{
	CLEANUP(http_response_release) struct http_response response = {0};
	struct docker_answer *answer = question->answer;

	channel_phase(question->asker->channel, "ask the daemon: /version");
	get(question, "/version", &response);
	if (!keep(question, "/version", &response))
		return;
	answer->has_version =
		docker_version_read(response.body.data, response.body.length, &answer->version);
	if (!answer->has_version)
		strbuf_puts(&question->detail, "GET /version is not answered as Docker does");
}

/* ---- a place */

static void ask_socket(struct question *question)
{
	struct docker_answer *answer = question->answer;
	struct stat status;

	if (!find_socket(question, &status))
		return;
	if (ask_ping(question))
		ask_version(question);
	if (answer->file_error == EACCES)
		describe_denial(question, &status);
}

static void ask_tcp(struct question *question)
{
	if (question->answer->resolve != RESOLVE_OK) {
		question->answer->failure = HTTP_UNREACHABLE;
		target_describe_resolve(&question->target, &question->detail);
		return;
	}
	if (ask_ping(question))
		ask_version(question);
}

void docker_ask(struct docker_asker *asker, const struct docker_host *host, unsigned int budget_ms,
		struct docker_answer *answer)
{
	struct question question = {
		.asker = asker,
		.host = host,
		.answer = answer,
		.target = {.end_us = target_end_us(budget_ms)},
		.socket = STRBUF_INIT(MAX_SOCKET_PATH),
		.socket_fd = -1,
		.detail = STRBUF_INIT(sizeof(answer->detail) - 1),
	};

	*answer = (struct docker_answer){.tries = answer->tries + 1};
	if (host->way == DOCKER_WAY_SOCKET) {
		ask_socket(&question);
	} else {
		channel_phase(asker->channel, "resolve the host");
		target_open(&question.target, &asker->resolver, &host->url, question.target.end_us);
		answer->resolve = question.target.answer.outcome;
		ask_tcp(&question);
		target_close(&question.target);
	}
	(void)snprintf(answer->detail, sizeof(answer->detail), "%s", question.detail.data);
	strbuf_release(&question.detail);
	strbuf_release(&question.socket);
	if (question.socket_fd >= 0)
		close(question.socket_fd);
}
