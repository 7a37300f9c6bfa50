/* SPDX-License-Identifier: Zlib */
/* Attic's storage: a path's narinfo, its signature, and the first byte of its NAR, which Attic often
 * hands out by a redirect to an S3 server that has to be reachable too. */
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/no_proxy.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/attic.h"

/* Attic ignores ranges and sends the whole NAR: what is beyond this is not waited for. */
#define MAX_NAR_BYTES 4096u
#define MAX_LOCATION_BYTES 4096u
#define MIN_LEFT_MS 200u /* with less, silence would prove nothing */
#define ONE_BYTE "Range: bytes=0-0"

/* Visible ASCII alone: what curl may be handed as a URL. */
static bool is_plain_url_text(const char *text)
{
	size_t length = 0;

	while (text[length] > 0x20 && text[length] < 0x7f && !strchr("\"'<>\\^`{|}", text[length]))
		length++;
	return length && !text[length] && length <= MAX_LOCATION_BYTES;
}

static bool is_absolute(const char *text)
{
	return text_starts_with(text, "http://") || text_starts_with(text, "https://");
}

/* "/path", not "//host/path". */
static bool is_rooted(const char *text)
{
	return text[0] == '/' && text[1] != '/';
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool is_web_page(const struct http_response *response)
{
	return strstr(response->content_type, "html");
}

static void set_problem(struct attic_storage *storage, const char *problem)
{
	(void)snprintf(storage->problem, sizeof(storage->problem), "%s", problem);
}

static void read_narinfo(const struct http_response *response, const struct nix_key *key,
			 struct attic_storage *storage, struct narinfo *narinfo)
{
	struct error why = {0};

	if (narinfo_parse(response->body.data, response->body.length, narinfo, &why)) {
		set_problem(storage, why.message);
		return;
	}
	if (strcmp(narinfo->store_path, storage->store_path) != 0) {
		set_problem(storage, "it describes another path than was asked for");
		return;
	}
	storage->is_narinfo_read = true;
	storage->has_key = key;
	if (key)
		storage->trust = narinfo_verify(narinfo, key);
}

static void collect_narinfo(struct attic_session *session, const char *cache,
			    const struct nix_key *key, struct attic_storage *storage,
			    struct narinfo *narinfo)
{
	const char *hash = storage->store_path + strlen(NIX_STORE_DIRECTORY "/");
	CLEANUP_FREE char *path =
		mem_format("/%s/%.*s.narinfo", cache, (int)NIX_HASH_PART_LENGTH, hash);
	CLEANUP(http_response_release) struct http_response response = {0};
	struct http_request request = {.max_body_bytes = NARINFO_MAX_BYTES};

	attic_ask(session, &request, path, &response, &storage->narinfo);
	if (response.failure == HTTP_OK && response.status == 200)
		read_narinfo(&response, key, storage, narinfo);
}

/* Opens the way to another host as the next steps will go. A proxy that cannot be asked is passed by. */
static void open_storage_server(struct attic_session *session, struct target *target,
				struct proxy *proxy)
{
	const struct url *url = target->url;
	bool is_excepted = session->exception && no_proxy_holds(session->exception, url->host);

	if (!is_excepted)
		(void)proxy_for(session->context, url, proxy, NULL);
	target_open_through(target, session->resolver, url, proxy->text ? proxy : NULL,
			    session->target.end_us);
}

/* Asks for a byte of LOCATION, on another host, without the token. */
static void ask_storage_server(struct attic_session *session, struct target *target,
			       const char *location, struct attic_storage *storage)
{
	struct attic_answer *ret = &storage->redirect;
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(sizeof(ret->detail) - 1);
	CLEANUP(http_response_release) struct http_response response = {0};
	CLEANUP(proxy_release) struct proxy proxy = {0};
	struct http_connection *connection = NULL;
	struct http_request request = {
		.url = location,
		.version = HTTP_VERSION_1_1,
		.headers = {ONE_BYTE},
		.max_body_bytes = MAX_NAR_BYTES,
	};

	open_storage_server(session, target, &proxy);
	request.ca = attic_session_ca(session, target);
	ret->is_asked = true;
	if (target->answer.outcome != RESOLVE_OK) {
		target_describe_resolve(target, &detail);
	} else {
		connection = http_open();
		do {
			http_response_release(&response);
			target_prepare(target, &request);
			http_perform(connection, &request, &response);
		} while (target_retries(target, response.failure));
		http_close(connection);
		ret->failure = response.failure;
		ret->status = response.status;
		storage->is_web_page = is_web_page(&response);
		if (response.failure != HTTP_OK)
			target_describe_failure(target, &response, &detail);
	}
	(void)snprintf(ret->detail, sizeof(ret->detail), "%s", detail.data);
	if (proxy.shown && ret->failure == HTTP_OK)
		(void)snprintf(storage->redirect_host, sizeof(storage->redirect_host),
			       "%s:%u through the proxy %s", target->url->host, target->url->port,
			       proxy.shown);
	target->proxy = NULL; /* it ends here */
}

static void follow(struct attic_session *session, const char *location,
		   struct attic_storage *storage)
{
	CLEANUP_FREE char *whole = is_absolute(location)
					   ? mem_strdup(location)
					   : mem_format("%s%s", session->target.origin, location);
	size_t path_length = strcspn(whole, "?#");
	CLEANUP_FREE char *plain = mem_strndup(whole, path_length);
	CLEANUP(url_release) struct url url = {0};
	CLEANUP(target_close) struct target target = {.url = &url};

	if (!is_plain_url_text(whole) || (!is_absolute(location) && !is_rooted(location)) ||
	    url_parse(plain, &url, NULL) || url.user) {
		set_problem(storage, "the redirect's address is no plain http or https URL");
		return;
	}
	(void)snprintf(storage->redirect_host, sizeof(storage->redirect_host), "%s:%u", url.host,
		       url.port);
	whole[strcspn(whole, "#")] = '\0';
	ask_storage_server(session, &target, whole, storage);
	storage->redirect_resolve = target.answer.outcome;
}

static void collect_nar(struct attic_session *session, const char *cache,
			const struct narinfo *narinfo, struct attic_storage *storage)
{
	CLEANUP_FREE char *path = is_rooted(narinfo->url)
					  ? mem_strdup(narinfo->url)
					  : mem_format("/%s/%s", cache, narinfo->url);
	CLEANUP(http_response_release) struct http_response response = {0};
	struct http_request request = {
		.headers = {ONE_BYTE},
		.max_body_bytes = MAX_NAR_BYTES,
	};

	attic_ask(session, &request, path, &response, &storage->nar);
	storage->is_web_page = is_web_page(&response);
	if (is_redirect(response.status) && response.location)
		follow(session, response.location, storage);
}

void attic_storage_collect(struct attic_session *session, const char *cache,
			   const struct nix_key *key, struct channel *channel,
			   struct attic_storage *storage)
{
	CLEANUP(narinfo_release) struct narinfo narinfo = {0};

	if (!storage->store_path || target_left_ms(&session->target) < MIN_LEFT_MS)
		return;
	channel_phase(channel, "ask for a path's narinfo");
	collect_narinfo(session, cache, key, storage, &narinfo);
	if (!storage->is_narinfo_read || target_left_ms(&session->target) < MIN_LEFT_MS)
		return;
	if (!narinfo.url || !is_plain_url_text(narinfo.url)) {
		storage->is_narinfo_read = false;
		set_problem(storage, "its URL holds characters that no URL has");
		return;
	}
	channel_phase(channel, "ask for a path's content");
	if (is_absolute(narinfo.url))
		follow(session, narinfo.url, storage);
	else
		collect_nar(session, cache, &narinfo, storage);
}
