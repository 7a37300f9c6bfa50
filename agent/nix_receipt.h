/* SPDX-License-Identifier: Zlib */
/* The receipt of Determinate's installer, /nix/receipt.json: that it exists proves nothing, a failed
 * installation writes one too. */
#pragma once

struct root;

#define NIX_RECEIPT "/nix/receipt.json"

enum nix_receipt {
	NIX_RECEIPT_NONE,
	NIX_RECEIPT_COMPLETE, /* every action of it has been completed */
	NIX_RECEIPT_PARTIAL,  /* it is none, or an action was not completed */
	NIX_RECEIPT_UNREADABLE,
};

enum nix_receipt nix_receipt_read(const struct root *root);
