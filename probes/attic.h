/* SPDX-License-Identifier: Zlib */
/* The attic probe's own parts: what was collected, and who collects and judges it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/attic_config.h"
#include "agent/ca_search.h"
#include "agent/endpoint_connect.h"
#include "agent/http.h"
#include "agent/jwt.h"
#include "agent/narinfo.h"
#include "agent/proxy.h"

struct channel;
struct context;
struct findings;

/* What became of one question to the server. */
struct attic_answer {
	bool is_asked;
	enum http_failure failure;
	long status;
	char detail[256]; /* of a failure: which address, what, how long */
};

/* Whether the storage behind the cache hands out a path's content. */
struct attic_storage {
	char *store_path; /* what is asked for; NULL: nothing is known that the cache could hold */
	bool is_canary;   /* it is the contract's, and must be there */
	struct attic_answer narinfo, nar, redirect;
	bool is_web_page;     /* the content is HTML, which no NAR is */
	bool is_narinfo_read; /* it parsed, and is about that path */
	char problem[256];    /* why not; or why a URL could not be followed */
	bool has_key;         /* there was a key to verify by */
	enum narinfo_trust trust;
	char redirect_host[256];
	enum resolve_outcome redirect_resolve; /* of redirect_host */
};

struct attic_evidence {
	/* what is asked */
	const char *cache;
	const char *host;
	const char *trusted_key;   /* NULL: none is known */
	char *const *retired_keys; /* NULL-terminated; may be NULL */
	bool has_token, is_push_wanted, is_push_required;
	int64_t now; /* seconds since the epoch */
	/* what was seen, and by which way */
	const char *proxy;       /* as shown: named for this host by the environment; NULL: none */
	char proxy_problem[256]; /* why a proxy that is named cannot be asked (proxy is "" then) */
	bool is_direct;          /* all of this came past the proxy */
	char other_way[400]; /* what came of the way that is not this; "" where it was not tried */
	char address[46];    /* that was connected to */
	int64_t dns_us;
	enum resolve_outcome resolve;
	char resolve_detail[256];
	struct attic_answer answer; /* to the question for the cache's configuration */
	int64_t took_us;            /* of that answer */
	char content_type[128];
	char location[256];          /* of a redirect; cleaned */
	bool is_html;                /* a web page came */
	bool is_tls_wanted;          /* a TLS server's complaint about plain HTTP came */
	enum attic_answer_kind kind; /* of a 200 that is no web page */
	bool is_config_read;         /* and all of the right type: config holds */
	char problem[256];           /* why not */
	struct attic_config config;
	bool has_error; /* Attic's own error JSON came: error holds */
	struct attic_error error;
	bool is_token_read; /* the token is a JWT: token holds */
	struct attic_token token;
	struct attic_answer push;
	struct attic_storage storage;
};

void attic_evidence_release(struct attic_evidence *evidence);

/* One server, spoken to over one connection. */
struct attic_session {
	const struct context *context;
	const struct resolver *resolver;
	struct ca_search ca; /* looked for by attic_session_ca, once */
	bool has_looked_for_ca;
	struct proxy proxy; /* the job's, for this server */
	char *exception; /* what no_proxy is to get, because only the direct way works; NULL: nothing */
	int64_t end_us; /* run_clock_us() when the whole budget is over; a way's own may be shorter */
	struct target target;
	struct http_connection *connection;
	char *base; /* the server's URL without user info and trailing slash */
	const char *token, *user, *password;
	bool is_secret_kept; /* they are not to be sent yet */
};

/* The machine's certificate authorities for TARGET; NULL where it needs none. */
const struct ca_search *attic_session_ca(struct attic_session *session,
					 const struct target *target);

/* Finds a way to the server on which it is Attic that speaks, the job's proxy first, and asks it for
 * the cache's configuration (attic_way.c). */
void attic_way_collect(struct attic_session *session, const struct url *url,
		       struct channel *channel, struct attic_evidence *evidence);

/* Whether Attic itself answered, with good news or bad. */
bool attic_spoke(const struct attic_evidence *evidence);

/* Asks PATH (below base) once and keeps the answer's summary in RET; the caller releases RESPONSE. */
void attic_ask(struct attic_session *session, struct http_request *request, const char *path,
	       struct http_response *response, struct attic_answer *ret);

/* Collects storage evidence for storage->store_path (attic_storage.c). KEY NULL: not verified. */
void attic_storage_collect(struct attic_session *session, const char *cache,
			   const struct nix_key *key, struct channel *channel,
			   struct attic_storage *storage);

/* Judges (attic_judge.c); pure. Adds findings about SUBJECT and returns whether the cache may be
 * configured. */
bool attic_judge(const struct attic_evidence *evidence, const char *subject,
		 struct findings *findings);

/* The part about storage (attic_judge_storage.c). Returns "proven", "unproven" or "failed". */
const char *attic_judge_storage(const struct attic_evidence *evidence, const char *subject,
				struct findings *findings);

/* Appends what came of a way on which Attic did not speak (attic_judge_way.c): "the proxy http://p:3128
 * (http_proxy): HTTP 403 with a web page", "directly: 10.43.0.99 port 80: connection refused". */
void attic_way_describe(const struct attic_evidence *evidence, struct strbuf *out);

/* Whether it is the proxy, not the server, that is to be blamed. */
bool attic_is_proxy_failure(const struct attic_evidence *evidence);

/* The part about a way that the next steps are sent past (attic_judge_way.c), of a usable cache. */
void attic_judge_way(const struct attic_evidence *evidence, const char *subject,
		     struct findings *findings);

/* The finding for a request that failed below HTTP. */
enum finding_id attic_failure_finding(enum http_failure failure);
