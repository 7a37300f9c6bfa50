/* SPDX-License-Identifier: Zlib */
/* A nix.conf, whose includes lead to itself. */
#include "agent/nix_conf.h"

#include <stdlib.h>

#include "agent/strbuf.h"
#include "agent/words.h"
#include "tests/fuzz/fuzz.h"

static int read_itself(const void *data, const char *path, struct strbuf *out)
{
	(void)path;
	strbuf_puts(out, data);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	const struct nix_conf_reader reader = {.read = read_itself, .data = text};
	struct nix_conf conf = {0};
	struct words words = {0};

	nix_conf_parse(&conf, &reader, text, "/etc/nix/nix.conf", NIX_CONF_SYSTEM);
	nix_conf_list(&conf, "substituters", NIX_CONF_ENVIRONMENT, "https://cache.nixos.org/",
		      &words);
	(void)nix_conf_is_valid(&conf);
	words_release(&words);
	nix_conf_release(&conf);
	free(text);
	return 0;
}
