/* SPDX-License-Identifier: Zlib */
/* Judges what was measured against what the repository expects, and Nix's flavour against the lane's. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "agent/cleanup.h"
#include "agent/expect.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/lane.h"
#include "agent/mem.h"
#include "agent/size.h"
#include "agent/strbuf.h"
#include "agent/words.h"

#define SIZE_MAX_BYTES 32u
#define FACT_KEY_MAX_BYTES 96u
#define MAX_DISKS 64u

/* What the judging functions share. */
struct trial {
	const struct expectations *expect;
	const struct lane *lane;
	const struct facts *facts;
	struct findings *findings;
};

static void say(const struct trial *trial, enum finding_id id, const char *subject,
		const char *expected, const char *found)
{
	findings_note(trial->findings, id, subject, "expected %s, found %s", expected, found);
}

static void say_undetermined(const struct trial *trial, const char *subject, const char *expected,
			     const char *why)
{
	findings_note(trial->findings, FINDING_EXPECTATION_NOT_DETERMINED, subject,
		      "expected %s, but %s", expected, why);
}

static bool nix_state_is(const struct trial *trial, const char *state)
{
	const char *found = facts_string(trial->facts, FACT_NIX_STATE);

	return found && strcmp(found, state) == 0;
}

/* ---- versions */

static const struct tool {
	const char *name;
	const char *fact;
	const char *remedy;
} tools[] = {
	{"nix", FACT_NIX_VERSION,
	 "Put a Nix of that range into the runner's image, or change toolchain.nix in "
	 ".github/spinup.json."},
	{"determinate", FACT_NIX_DETERMINATE,
	 "Upgrade with `sudo determinate-nixd upgrade` or in the runner's image, or change "
	 "toolchain.determinate in .github/spinup.json."},
	{"bazel", FACT_BAZEL_VERSION,
	 "Change .bazelversion (bazelisk follows it) or the installed bazel, or toolchain.bazel in "
	 ".github/spinup.json."},
	{"docker", FACT_DOCKER_VERSION,
	 "Install a Docker client of that range in the runner's image, or change "
	 "toolchain.docker in .github/spinup.json."},
};

static const struct tool *tool_find(const char *name)
{
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if (strcmp(tools[i].name, name) == 0)
			return &tools[i];
	return NULL;
}

/* Whether it is proven that the tool is not there at all; not known is not absent. */
static bool is_absent(const struct trial *trial, const char *tool)
{
	const char *flavour = facts_string(trial->facts, FACT_NIX_FLAVOUR);

	if (strcmp(tool, "nix") == 0)
		return nix_state_is(trial, "absent");
	if (strcmp(tool, "determinate") == 0)
		return nix_state_is(trial, "absent") ||
		       (flavour && strcmp(flavour, "determinate") != 0);
	return false;
}

static void judge_tool(const struct trial *trial, const struct expect_tool *expected)
{
	const struct tool *tool = tool_find(expected->name);
	const char *found = facts_string(trial->facts, tool->fact);
	CLEANUP_FREE char *text = mem_format("%s %s", expected->name, expected->range);
	int verdict = found ? version_in_range(found, expected->range) : -1;

	if (!found && is_absent(trial, expected->name)) {
		verdict = 0;
		found = "none";
	}
	if (!found) {
		say_undetermined(trial, expected->name, text,
				 "its version could not be determined");
	} else if (verdict < 0) {
		CLEANUP_FREE char *why = mem_format("%s cannot be compared with that", found);

		say_undetermined(trial, expected->name, text, why);
	} else if (verdict == 0) {
		say(trial, FINDING_EXPECTED_VERSION_DIFFERS, expected->name, text, found);
		finding_set_remedy(&trial->findings->items[trial->findings->count - 1],
				   tool->remedy);
	} else {
		say(trial, FINDING_EXPECTATION_MET, expected->name, text, found);
	}
}

/* ---- words: lane, system, flavour */

static void judge_word(const struct trial *trial, const char *subject, enum finding_id mismatch,
		       const char *expected, const char *found)
{
	if (!found || !*found)
		say_undetermined(trial, subject, expected, "it could not be determined");
	else if (strcasecmp(expected, found) != 0)
		say(trial, mismatch, subject, expected, found);
	else
		say(trial, FINDING_EXPECTATION_MET, subject, expected, found);
}

/* The lane's own flavour is judged where the expectations ask for none, and a Nix is there. */
static void judge_flavour(const struct trial *trial)
{
	const char *found = facts_string(trial->facts, FACT_NIX_FLAVOUR);
	const char *promised = trial->lane->flavour;

	if (trial->expect->flavour && !found && nix_state_is(trial, "absent"))
		found = "no Nix";
	if (trial->expect->flavour)
		judge_word(trial, "flavour", FINDING_EXPECTED_FLAVOUR_DIFFERS,
			   trial->expect->flavour, found);
	else if (promised && found && strcmp(promised, found) != 0)
		findings_note(trial->findings, FINDING_LANE_FLAVOUR_DIFFERS, "flavour",
			      "%s promises %s, found %s", trial->lane->label, promised, found);
}

/* ---- amounts: memory, CPUs, disk */

static void judge_bytes(const struct trial *trial, const char *subject, enum finding_id mismatch,
			int64_t expected, const char *fact)
{
	CLEANUP_STRBUF struct strbuf wanted = STRBUF_INIT(SIZE_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf there = STRBUF_INIT(SIZE_MAX_BYTES);
	int64_t found;

	strbuf_puts(&wanted, "at least ");
	size_format(&wanted, expected);
	if (!facts_integer(trial->facts, fact, &found)) {
		say_undetermined(trial, subject, wanted.data, "it was not measured");
		return;
	}
	size_format(&there, found);
	say(trial, found < expected ? mismatch : FINDING_EXPECTATION_MET, subject, wanted.data,
	    there.data);
}

static void judge_cpus(const struct trial *trial)
{
	CLEANUP_FREE char *wanted = mem_format("at least %" PRId64, trial->expect->cpus);
	CLEANUP_FREE char *there = NULL;
	int64_t millis;

	if (!facts_integer(trial->facts, FACT_CPU_LIMIT, &millis)) {
		say_undetermined(trial, "cpus", wanted, "they were not counted");
		return;
	}
	there = millis % 1000 ? mem_format("%" PRId64 ".%03" PRId64, millis / 1000, millis % 1000)
			      : mem_format("%" PRId64, millis / 1000);
	say(trial,
	    millis < trial->expect->cpus * 1000 ? FINDING_EXPECTED_CPUS_MISSING
						: FINDING_EXPECTATION_MET,
	    "cpus", wanted, there);
}

/* The key of PATH's free space; the system probe measures the paths that the expectations name. */
static char *disk_fact(const struct trial *trial, const char *path)
{
	for (unsigned int i = 0; i < MAX_DISKS; i++) {
		CLEANUP_FREE char *key = mem_format(FACT_DISK_PATH, i);
		const char *measured = facts_string(trial->facts, key);

		if (measured && strcmp(measured, path) == 0)
			return mem_format(FACT_DISK_FREE, i);
	}
	return NULL;
}

static void judge_disk(const struct trial *trial, const struct expect_disk *disk)
{
	CLEANUP_FREE char *fact = disk_fact(trial, disk->path);

	judge_bytes(trial, disk->path, FINDING_EXPECTED_DISK_MISSING, disk->free_bytes,
		    fact ? fact : FACT_DISK_FREE);
}

/* ---- features */

static void judge_feature(const struct trial *trial, const char *feature)
{
	const char *list = facts_string(trial->facts, FACT_NIX_FEATURES);
	CLEANUP_WORDS struct words offered = {0};
	CLEANUP_FREE char *wanted = mem_format("the feature %s", feature);
	CLEANUP_FREE char *there = NULL;
	enum finding_id id = FINDING_EXPECTED_FEATURE_MISSING;

	if (!list) {
		say_undetermined(trial, feature, wanted, "Nix's system features are not known");
		return;
	}
	words_split(&offered, list, "\n");
	there = words_join(&offered, ' ');
	if (words_contain(&offered, feature))
		id = FINDING_EXPECTATION_MET;
	say(trial, id, feature, wanted, *there ? there : "none");
}

void expect_judge(const struct expectations *expect, const struct lane *lane,
		  const struct facts *facts, struct findings *findings)
{
	const struct trial trial = {expect, lane, facts, findings};

	if (expect->lane)
		judge_word(&trial, "lane", FINDING_EXPECTED_LANE_DIFFERS, expect->lane,
			   lane->label);
	for (size_t i = 0; i < expect->tool_count; i++)
		judge_tool(&trial, &expect->tools[i]);
	judge_flavour(&trial);
	if (expect->system)
		judge_word(&trial, "system", FINDING_EXPECTED_SYSTEM_DIFFERS, expect->system,
			   facts_string(facts, FACT_SYSTEM));
	if (expect->memory_bytes)
		judge_bytes(&trial, "memory", FINDING_EXPECTED_MEMORY_MISSING, expect->memory_bytes,
			    FACT_MEMORY_LIMIT);
	if (expect->cpus)
		judge_cpus(&trial);
	for (size_t i = 0; i < expect->disk_count; i++)
		judge_disk(&trial, &expect->disks[i]);
	for (char **feature = expect->features; feature && *feature; feature++)
		judge_feature(&trial, *feature);
}
