/* SPDX-License-Identifier: Zlib */
/* The contract's label table. */
#include "agent/contract_lanes.h"

#include <ctype.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/contract.h"
#include "agent/json.h"
#include "agent/json_read.h"
#include "agent/lane.h"
#include "agent/mem.h"
#include "agent/nix_profile.h"

#define MAX_LABEL_LENGTH 63u
#define LIST_MAX_BYTES 200u
#define PROMISES (LANE_NIX | LANE_KVM | LANE_GPU | LANE_DOCKER | LANE_HEAVY)
#define CACHES (LANE_ATTIC | LANE_BAZEL)

static const char *const systems[] = {"x86_64-linux", "aarch64-linux", "riscv64-linux", NULL};

static int read_word(struct json_reader *reader, const struct json *value,
		     const char *const *allowed, char **slot)
{
	int index = json_read_word(reader, value, allowed);

	if (index < 0)
		return -1;
	*slot = mem_strdup(allowed[index]);
	return 0;
}

bool contract_knows_system(const char *text)
{
	for (size_t i = 0; systems[i]; i++)
		if (strcmp(text, systems[i]) == 0)
			return true;
	return false;
}

static int read_flavour(struct json_reader *reader, const struct json *value, void *slot)
{
	return read_word(reader, value, nix_flavours, slot);
}

static int read_system(struct json_reader *reader, const struct json *value, void *slot)
{
	return read_word(reader, value, systems, slot);
}

/* One word of a list, that stands for one of the bits in MASK. */
struct bits {
	unsigned int mask;
	unsigned int *slot;
};

static int read_bit(struct json_reader *reader, const struct json *value, void *data)
{
	const struct bits *bits = data;
	const char *word = json_string(value);
	unsigned int bit = word ? lane_promise_by_name(word) & bits->mask : 0;
	struct strbuf CLEANUP_STRBUF allowed = STRBUF_INIT(LIST_MAX_BYTES);

	lane_promise_names(bits->mask, &allowed);
	if (!bit)
		return json_read_fail(reader, "is none of the allowed words: %s", allowed.data);
	if (*bits->slot & bit)
		return json_read_fail(reader, "occurs twice");
	*bits->slot |= bit;
	return 0;
}

static int read_bits(struct json_reader *reader, const struct json *value, unsigned int mask,
		     unsigned int *slot)
{
	struct bits bits = {.mask = mask, .slot = slot};

	if (!json_is_array(value))
		return json_read_fail(reader, "must be an array of words");
	return json_read_each(reader, value, read_bit, &bits);
}

static int read_promises(struct json_reader *reader, const struct json *value, void *slot)
{
	return read_bits(reader, value, PROMISES, slot);
}

static int read_caches(struct json_reader *reader, const struct json *value, void *slot)
{
	return read_bits(reader, value, CACHES, slot);
}

static int read_status(struct json_reader *reader, const struct json *value, void *slot)
{
	const char *allowed[LANE_STATUS_PROOF_ONLY + 2] = {NULL};
	int index;

	for (int status = LANE_STATUS_BASELINE; status <= LANE_STATUS_PROOF_ONLY; status++)
		allowed[status] = lane_status_name((enum lane_status)status);
	index = json_read_word(reader, value, allowed);
	if (index < 0)
		return -1;
	*(enum lane_status *)slot = (enum lane_status)index;
	return 0;
}

static const struct json_field lane_fields[] = {
	{"status", read_status, offsetof(struct lane, status), true},
	{"promises", read_promises, offsetof(struct lane, promises), true},
	{"caches", read_caches, offsetof(struct lane, promises), true},
	{"flavour", read_flavour, offsetof(struct lane, flavour), false},
	{"system", read_system, offsetof(struct lane, system), false},
	{"cpus", json_read_integer, offsetof(struct lane, cpus), false},
	{"memory_mib", contract_read_mebibytes, offsetof(struct lane, memory_bytes), false},
	{"cluster_endpoints", json_read_boolean, offsetof(struct lane, has_cluster_endpoints),
	 false},
	{"note", json_read_text, offsetof(struct lane, note), false},
	{0},
};

/* A label is what runs-on holds and a scale set's name may be: a DNS label. */
static bool is_label(const char *text)
{
	size_t length = 0;

	while (islower((unsigned char)text[length]) || isdigit((unsigned char)text[length]) ||
	       text[length] == '-')
		length++;
	return !text[length] && length && length <= MAX_LABEL_LENGTH && *text != '-' &&
	       text[length - 1] != '-';
}

static int read_lane(struct json_reader *reader, const struct json *value, void *data)
{
	struct contract *contract = data;
	struct lane *lane = &contract->lanes[contract->lane_count++];

	lane->label = mem_strdup(json_key(value));
	if (!is_label(lane->label))
		return json_read_fail(reader, "is no label: lower-case letters, digits and '-', at "
					      "most 63");
	return json_read_fields(reader, value, lane_fields, lane);
}

int contract_read_lanes(struct json_reader *reader, const struct json *lanes,
			struct contract *contract)
{
	if (!json_is_object(lanes))
		return json_read_fail(reader, "must be an object of labels");
	contract->lanes = mem_alloc(json_count(lanes), sizeof(*contract->lanes));
	return json_read_each(reader, lanes, read_lane, contract);
}
