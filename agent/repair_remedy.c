/* SPDX-License-Identifier: Zlib */
/* What to do where mending did not succeed. */
#include "agent/repair_remedy.h"

#include <stddef.h>
#include <string.h>

/* The first row whose words are in the message; what lies on this machine comes first. */
static const struct {
	const char *words, *remedy;
} rows[] = {
	{"No space left on device",
	 "Whoever runs the pool gives /nix more room; then run it again."},
	{"Disk quota exceeded", "Whoever runs the pool gives /nix more room; then run it again."},
	{"Read-only file system",
	 "Whoever runs the pool makes it writable, or has the image made with Nix in it."},
	{"empty the volume at /nix",
	 "Whoever runs the pool empties the volume at /nix: root uses nothing there that others could "
	 "have put there."},
	{"daemon.log",
	 "Follow the daemon's own words; all of them are in /nix/.spinup/daemon.log."},
	{"is pinned",
	 "Trust neither before somebody has compared them: the file on that mirror, or the pin in the "
	 "contract (install.sources), is wrong."},
	{"names no source",
	 "Whoever keeps the contract adds a source for this system to install.sources."},
	{"_proxy)",
	 "Correct the variable that the finding names, or have that proxy let the mirror "
	 "through."},
	{"installer ", "Follow the installer's own words, or add another source to the contract's "
		       "install.sources."},
	{"could not be installed",
	 "Whoever keeps the contract brings the mirror back, or adds another one to install.sources."},
};

const char *repair_remedy(const char *message)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strstr(message, rows[i].words))
			return rows[i].remedy;
	return NULL;
}
