/* SPDX-License-Identifier: Zlib */
/* The receipt of Determinate's installer. */
#include "agent/nix_receipt.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/json.h"
#include "agent/root.h"
#include "agent/strbuf.h"

#define MAX_BYTES (4u << 20)

static bool is_done(const struct json *action)
{
	const struct json *state = json_member(action, "state");
	const char *word = json_string(state);

	return word && (strcmp(word, "Completed") == 0 || strcmp(word, "Skipped") == 0);
}

static bool is_complete(const struct json *receipt)
{
	const struct json *actions = json_member(receipt, "actions");
	const struct json *action = json_is_array(actions) ? json_at(actions, 0) : NULL;
	bool has_any = action != NULL;

	for (; action; action = json_next(action))
		if (!is_done(action))
			return false;
	return has_any;
}

enum nix_receipt nix_receipt_read(const struct root *root)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_BYTES);
	CLEANUP_JSON struct json *receipt = NULL;

	if (root_read(root, NIX_RECEIPT, &text) < 0)
		return errno == ENOENT || errno == ENOTDIR ? NIX_RECEIPT_NONE
							   : NIX_RECEIPT_UNREADABLE;
	if (json_parse(text.data, text.length, NIX_RECEIPT, &receipt, NULL) < 0)
		return NIX_RECEIPT_PARTIAL;
	return is_complete(receipt) ? NIX_RECEIPT_COMPLETE : NIX_RECEIPT_PARTIAL;
}
