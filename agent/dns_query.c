/* SPDX-License-Identifier: Zlib */
/* One question put to the servers of resolv.conf. */
#include "agent/dns_query.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/digest.h"
#include "agent/mem.h"
#include "agent/starvation.h"
#include "agent/text.h"

#define MAX_UDP_BYTES 4096u
#define MAX_TCP_BYTES 65535u

/* One server, and the query that it was sent. */
struct peer {
	const char *server;
	struct sockaddr_storage address;
	socklen_t address_length;
	int fd; /* connected UDP; -1 before the first packet and after the last word */
	uint8_t query[DNS_MAX_QUERY];
	size_t query_length;
	bool is_done; /* it said something that is no answer: outcome */
	enum resolve_outcome outcome;
	unsigned int rcode;
};

struct enquiry {
	const struct resolver *resolver;
	const char *name;
	enum dns_type type;
	int64_t end_us;
	struct peer peers[RESOLVE_MAX_SERVERS];
	struct dns_reply *reply;
	bool is_settled;
};

/* ---- sockets */

static bool set_address(struct peer *peer, uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&peer->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&peer->address;
	char text[RESOLVE_SERVER_BYTES];
	char *scope;
	unsigned long number = 0;

	(void)snprintf(text, sizeof(text), "%s", peer->server);
	scope = strchr(text, '%');
	if (scope)
		*scope++ = '\0';
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		peer->address_length = sizeof(*v4);
		return !scope;
	}
	/* An interface's name would need an ioctl, which the sandbox does not give. */
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1 ||
	    (scope && !text_to_number(scope, 1, UINT32_MAX, &number)))
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	v6->sin6_scope_id = (uint32_t)number;
	peer->address_length = sizeof(*v6);
	return true;
}

static int connect_to(const struct peer *peer, int type)
{
	CLEANUP_CLOSE int fd =
		socket(peer->address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&peer->address, peer->address_length) < 0 &&
	    errno != EINPROGRESS)
		return -1;
	return TAKE_FD(fd);
}

static int wait_ms(int64_t end_us)
{
	int64_t left_us = starvation_wait_us(end_us);

	return left_us > 0 ? (int)((left_us + 999) / 1000) : 0;
}

/* ---- what was said */

static void end_with(struct peer *peer, enum resolve_outcome outcome)
{
	peer->is_done = true;
	peer->outcome = outcome;
	if (peer->fd >= 0)
		close(TAKE_FD(peer->fd));
}

static enum resolve_outcome outcome_of(const struct dns_answer *answer)
{
	switch (answer->rcode) {
	case DNS_NOERROR:
		return answer->address_count ? RESOLVE_OK : RESOLVE_NODATA;
	case DNS_NXDOMAIN:
		return RESOLVE_NXDOMAIN;
	case DNS_SERVFAIL:
		return RESOLVE_SERVFAIL;
	case DNS_REFUSED:
		return RESOLVE_REFUSED;
	default:
		return RESOLVE_OTHER_RCODE;
	}
}

static void take_answer(struct enquiry *enquiry, struct peer *peer, const struct dns_answer *answer)
{
	enum resolve_outcome outcome = outcome_of(answer);

	end_with(peer, outcome);
	peer->rcode = answer->rcode;
	if (outcome != RESOLVE_OK && outcome != RESOLVE_NODATA && outcome != RESOLVE_NXDOMAIN)
		return;
	enquiry->is_settled = true;
	enquiry->reply->answer = *answer;
}

/* ---- TCP (RFC 7766): the message behind two bytes of length */

/* Reads or writes LENGTH bytes until END_US. The two calls differ in the direction alone. */
static bool transfer_all(int fd, uint8_t *bytes, size_t length, bool is_sending, int64_t end_us)
{
	struct pollfd ready = {.fd = fd, .events = is_sending ? POLLOUT : POLLIN};

	while (length) {
		ssize_t count = is_sending ? send(fd, bytes, length, MSG_NOSIGNAL)
					   : recv(fd, bytes, length, 0);

		if (count > 0) {
			bytes += count;
			length -= (size_t)count;
		} else if (count == 0 || (errno != EAGAIN && errno != EINTR && errno != ENOTCONN)) {
			return false;
		} else if (wait_ms(end_us) == 0 || poll(&ready, 1, wait_ms(end_us)) < 0) {
			return false;
		}
	}
	return true;
}

static bool ask_over_tcp(const struct peer *peer, int64_t end_us, struct dns_answer *ret)
{
	CLEANUP_CLOSE int fd = connect_to(peer, SOCK_STREAM);
	CLEANUP_FREE uint8_t *message = mem_alloc(MAX_TCP_BYTES, 1);
	uint8_t query[2 + DNS_MAX_QUERY] = {(uint8_t)(peer->query_length >> 8),
					    (uint8_t)peer->query_length};
	uint8_t head[2];
	size_t length;

	memcpy(query + 2, peer->query, peer->query_length);
	if (fd < 0 || !transfer_all(fd, query, 2 + peer->query_length, true, end_us) ||
	    !transfer_all(fd, head, sizeof(head), false, end_us))
		return false;
	length = (size_t)head[0] << 8 | head[1];
	if (!transfer_all(fd, message, length, false, end_us))
		return false;
	return dns_read_answer(message, length, peer->query, peer->query_length, ret) ==
		       DNS_ANSWER &&
	       !ret->is_truncated;
}

static void ask_again_over_tcp(struct enquiry *enquiry, struct peer *peer)
{
	int64_t end_us = starvation_end_us(starvation_left_us(enquiry->end_us) / 2);
	struct dns_answer answer;

	enquiry->reply->was_truncated = true;
	enquiry->reply->packets++;
	/* Half of what is left: another server may still do better. */
	if (ask_over_tcp(peer, end_us, &answer))
		take_answer(enquiry, peer, &answer);
	else
		end_with(peer, RESOLVE_TRUNCATED);
}

/* ---- UDP */

static void send_to(struct enquiry *enquiry, struct peer *peer)
{
	uint16_t id;

	if (peer->fd < 0) {
		digest_random(&id, sizeof(id));
		peer->query_length = dns_write_query(peer->query, id, enquiry->name, enquiry->type);
		if (set_address(peer, enquiry->resolver->port))
			peer->fd = connect_to(peer, SOCK_DGRAM);
	}
	enquiry->reply->packets++;
	if (peer->fd < 0 || send(peer->fd, peer->query, peer->query_length, MSG_NOSIGNAL) < 0)
		end_with(peer, RESOLVE_UNREACHABLE);
}

static void listen_to(struct enquiry *enquiry, struct peer *peer)
{
	uint8_t message[MAX_UDP_BYTES];
	ssize_t length = recv(peer->fd, message, sizeof(message), 0);
	struct dns_answer answer;

	if (length < 0) {
		if (errno != EAGAIN && errno != EINTR)
			end_with(peer, RESOLVE_UNREACHABLE); /* ICMP: nobody listens there */
		return;
	}
	switch (dns_read_answer(message, (size_t)length, peer->query, peer->query_length,
				&answer)) {
	case DNS_FOREIGN:
		peer->outcome = RESOLVE_MALFORMED; /* should nothing better come */
		return;
	case DNS_MALFORMED:
		end_with(peer, RESOLVE_MALFORMED);
		return;
	case DNS_ANSWER:
		break;
	}
	if (answer.is_truncated && answer.rcode == DNS_NOERROR)
		ask_again_over_tcp(enquiry, peer);
	else
		take_answer(enquiry, peer, &answer);
}

/* Hears all servers that were asked so far, until PEER has had its time or its say. */
static void wait_for(struct enquiry *enquiry, const struct peer *peer, int64_t end_us)
{
	size_t count = enquiry->resolver->server_count;
	struct pollfd ready[RESOLVE_MAX_SERVERS];

	while (!enquiry->is_settled && !peer->is_done) {
		int count_ready;

		for (size_t i = 0; i < count; i++)
			ready[i] = (struct pollfd){.fd = enquiry->peers[i].fd, .events = POLLIN};
		count_ready = poll(ready, count, wait_ms(end_us));
		for (size_t i = 0; count_ready > 0 && i < count && !enquiry->is_settled; i++)
			if (ready[i].revents)
				listen_to(enquiry, &enquiry->peers[i]);
		/* Asked each time: in a flood of foreign packets poll never comes to its end. */
		if (starvation_wait_us(end_us) <= 0)
			return;
	}
}

/* What is left is shared evenly among the packets that may still be sent. */
static void ask_in_turn(struct enquiry *enquiry)
{
	const struct resolver *resolver = enquiry->resolver;
	size_t tries = resolver->attempts * resolver->server_count;

	for (size_t i = 0; i < tries && !enquiry->is_settled; i++) {
		struct peer *peer = &enquiry->peers[i % resolver->server_count];
		int64_t slice_us = starvation_left_us(enquiry->end_us) / (int64_t)(tries - i);
		int64_t slice_end_us;

		if (slice_us <= 0)
			return;
		if (slice_us > resolver->timeout_ms * INT64_C(1000))
			slice_us = resolver->timeout_ms * INT64_C(1000);
		if (peer->is_done)
			continue;
		slice_end_us = starvation_end_us(slice_us);
		send_to(enquiry, peer);
		wait_for(enquiry, peer, slice_end_us);
	}
}

/* The more a server said, the more it decides. */
static unsigned int weight(const struct peer *peer)
{
	switch (peer->outcome) {
	case RESOLVE_OK:
	case RESOLVE_NODATA:
	case RESOLVE_NXDOMAIN:
		return 5;
	case RESOLVE_SERVFAIL:
	case RESOLVE_REFUSED:
	case RESOLVE_OTHER_RCODE:
		return 4;
	case RESOLVE_TRUNCATED:
		return 3;
	case RESOLVE_MALFORMED:
		return 2;
	case RESOLVE_TIMEOUT:
		return 1;
	case RESOLVE_UNREACHABLE:
	case RESOLVE_NO_SERVER:
	case RESOLVE_BAD_NAME:
		break;
	}
	return 0;
}

void dns_query(const struct resolver *resolver, const char *name, enum dns_type type,
	       int64_t end_us, struct dns_reply *ret)
{
	struct enquiry enquiry = {resolver, name, type, end_us, .reply = ret};
	const struct peer *best = &enquiry.peers[0];

	*ret = (struct dns_reply){.outcome = RESOLVE_NO_SERVER};
	for (size_t i = 0; i < resolver->server_count; i++)
		enquiry.peers[i] = (struct peer){
			.server = resolver->servers[i], .fd = -1, .outcome = RESOLVE_TIMEOUT};
	if (!resolver->server_count)
		return;
	ask_in_turn(&enquiry);
	for (size_t i = 0; i < resolver->server_count; i++) {
		if (weight(&enquiry.peers[i]) > weight(best))
			best = &enquiry.peers[i];
		if (enquiry.peers[i].fd >= 0)
			close(enquiry.peers[i].fd);
	}
	ret->outcome = best->outcome;
	ret->answer.rcode = best->rcode;
	(void)snprintf(ret->server, sizeof(ret->server), "%s", best->server);
}
