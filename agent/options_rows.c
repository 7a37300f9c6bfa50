/* SPDX-License-Identifier: Zlib */
/* The table of options. */
#include "agent/options_rows.h"

#include "agent/command.h"
#include "agent/options.h"

#define WRITES (COMMAND_RUN | COMMAND_HOOK)
#define MENDS (WRITES | COMMAND_INSTALL)
#define JUDGES (WRITES | COMMAND_DOCTOR | COMMAND_PROBE | COMMAND_ENV)
#define PROVES (JUDGES | COMMAND_EXEC)
#define SHOWS (JUDGES | COMMAND_PLAN)
#define JOBS (SHOWS | COMMAND_EXEC)
#define LANES (JOBS | COMMAND_INSTALL)
#define EVERY (~0u)
#define AT(field) offsetof(struct options, field)

const struct option_row option_rows[] = {
	{"--label", "LABEL", "SPINUP_LABEL", "the job's runs-on label, instead of finding it out",
	 LANES | COMMAND_CONTRACT, OPTION_STRING, AT(label), AT(label_source)},
	{"--contract", "FILE", "SPINUP_CONTRACT", "a platform contract instead of the built-in one",
	 LANES | COMMAND_CONTRACT, OPTION_STRING, AT(contract_path), 0},
	{"--contract", "FILE", NULL, NULL, COMMAND_REPAIR, OPTION_STRING, AT(contract_path), 0},
	{"--expect", "FILE", "SPINUP_EXPECT",
	 "the repository's expectations (a step reads .github/spinup.json)",
	 LANES | COMMAND_CONTRACT, OPTION_STRING, AT(expect_path), 0},
	{"--attic", "URL", "SPINUP_ATTIC", "the Attic server, instead of the job's or the lane's",
	 JOBS, OPTION_STRING, AT(attic_url), AT(attic_url_source)},
	{"--attic-cache", "NAME", "SPINUP_ATTIC_CACHE", "the cache on that server", JOBS,
	 OPTION_STRING, AT(attic_cache), AT(attic_cache_source)},
	{"--attic-public-key", "KEY", "SPINUP_ATTIC_PUBLIC_KEY", "the key to trust, NAME:BASE64",
	 JOBS, OPTION_STRING, AT(attic_public_key), AT(attic_key_source)},
	{"--attic-public-read", NULL, "SPINUP_ATTIC_PUBLIC_READ",
	 "outside the cluster: read from the public cache, without a token", JOBS, OPTION_SWITCH,
	 AT(is_attic_public_read), 0},
	{"--attic-push", NULL, "SPINUP_ATTIC_PUSH", "the job will push: prove that the token may",
	 JOBS, OPTION_SWITCH, AT(is_attic_push_wanted), 0},
	{"--bazel", "URL", "SPINUP_BAZEL",
	 "the Bazel remote cache, instead of the job's or the lane's", JOBS, OPTION_STRING,
	 AT(bazel_url), AT(bazel_url_source)},
	{"--bazel-upload", NULL, "SPINUP_BAZEL_UPLOAD",
	 "let Bazel upload results (never for a pull request from a fork)", JOBS, OPTION_SWITCH,
	 AT(is_bazel_upload_wanted), 0},
	{NULL, NULL, "GF_BAZEL_REMOTE_UPLOAD", NULL, JOBS, OPTION_TRUE, AT(is_bazel_upload_wanted),
	 0},
	{"--bazel-home-rc", NULL, "SPINUP_BAZEL_HOME_RC", "also add the flags to ~/.bazelrc",
	 WRITES | COMMAND_EXEC, OPTION_SWITCH, AT(is_bazel_home_rc), 0},
	{"--require", "NAME", "SPINUP_REQUIRE",
	 "a promise beyond the lane's (nix, attic-push, …); may be repeated", JOBS, OPTION_NAMES,
	 AT(require), 0},
	{"--all", NULL, "SPINUP_ALL", "also prove devices that the lane does not promise",
	 COMMAND_DOCTOR | COMMAND_PLAN, OPTION_SWITCH, AT(is_all), 0},
	{"--allow-software-gpu", NULL, "SPINUP_ALLOW_SOFTWARE_GPU",
	 "let a CPU that speaks Vulkan pass for a GPU", JOBS, OPTION_SWITCH,
	 AT(is_software_gpu_allowed), 0},
	{"--skip", "NAME", "SPINUP_SKIP", "leave a probe out; may be repeated", JOBS, OPTION_NAMES,
	 AT(skip), 0},
	{"--mode", "MODE", "SPINUP_MODE", "enforce: a failed lane fails the job; warn: it does not",
	 WRITES | COMMAND_DOCTOR, OPTION_MODE, AT(mode), 0},
	{"--strict", NULL, "SPINUP_STRICT", "degraded counts as failed", JUDGES | COMMAND_INSTALL,
	 OPTION_SWITCH, AT(is_strict), 0},
	{"--strict", NULL, "SPINUP_STRICT",
	 "attach: a cache and a runner of the cluster are wanted", COMMAND_CONTRACT, OPTION_SWITCH,
	 AT(is_strict), 0},
	{"--deadline", "SECONDS", "SPINUP_DEADLINE",
	 "bound of all proofs together (default 10); a promised GPU has 45",
	 PROVES | COMMAND_INSTALL, OPTION_SECONDS, AT(deadline_ms), 0},
	{"--no-repair", NULL, "SPINUP_NO_REPAIR", "mend and install nothing: prove what is there",
	 WRITES, OPTION_SWITCH, AT(is_repair_off), 0},
	{"--install", NULL, "SPINUP_INSTALL",
	 "mend what is broken, and install Nix where it is absent", COMMAND_EXEC, OPTION_SWITCH,
	 AT(is_install), 0},
	{"--install-deadline", "SECONDS", "SPINUP_INSTALL_DEADLINE",
	 "bound of mending and installing (default 300)", MENDS | COMMAND_EXEC, OPTION_SECONDS,
	 AT(install_deadline_ms), 0},
	{"--verify-store", NULL, "SPINUP_VERIFY_STORE",
	 "hold what spinup installs, or has installed, against its hash", MENDS | COMMAND_EXEC,
	 OPTION_SWITCH, AT(is_store_verified), 0},
	{"--install-deadline", "SECONDS", NULL, NULL, COMMAND_REPAIR, OPTION_SECONDS,
	 AT(install_deadline_ms), 0},
	{"--verify-store", NULL, NULL, NULL, COMMAND_REPAIR, OPTION_SWITCH, AT(is_store_verified),
	 0},
	{"--uninstall", NULL, NULL, "take back what spinup itself has installed, and nothing else",
	 COMMAND_INSTALL, OPTION_SWITCH, AT(is_uninstall), 0},
	{"--force", NULL, NULL, "with --uninstall: also a store that has grown other paths",
	 COMMAND_INSTALL, OPTION_SWITCH, AT(is_force), 0},
	{"--format", "FORMAT", "SPINUP_FORMAT",
	 "sh (default), github, dotenv (a report of GitLab's) or json", COMMAND_ENV, OPTION_FORMAT,
	 AT(env_format), 0},
	{"--format", "FORMAT", NULL, "check: text (default), json, github or gitlab (code quality)",
	 COMMAND_CONTRACT, OPTION_STRING, AT(check_format), 0},
	{"--write-files", "DIR", "SPINUP_WRITE_FILES",
	 "write the files that variables stand for into DIR, and name them", COMMAND_ENV,
	 OPTION_STRING, AT(write_files), 0},
	{"--report", "FILE", "SPINUP_REPORT", "also write the JSON report to FILE",
	 PROVES | COMMAND_INSTALL, OPTION_STRING, AT(report_path), 0},
	{"--gitlab-annotations", "FILE", "SPINUP_GITLAB_ANNOTATIONS",
	 "for GitLab: the worst findings, as an annotations report", PROVES | COMMAND_INSTALL,
	 OPTION_STRING, AT(gitlab_annotations), 0},
	{"--json", NULL, "SPINUP_JSON", "one JSON document on stdout, nothing else",
	 SHOWS | COMMAND_INSTALL | COMMAND_CONTRACT | COMMAND_EXPLAIN | COMMAND_VERSION,
	 OPTION_SWITCH, AT(is_json), 0},
	{"--runner-root", "DIR", "SPINUP_RUNNER_ROOT",
	 "the runner's root, instead of the directory of CMD", COMMAND_EXEC, OPTION_STRING,
	 AT(runner_root), 0},
	{"--root", "DIR", NULL, NULL, SHOWS | COMMAND_CONTRACT, OPTION_STRING, AT(root), 0},
	{"--help", NULL, NULL, "this page", EVERY, OPTION_SWITCH, AT(is_help), 0},
};

_Static_assert(sizeof(option_rows) / sizeof(option_rows[0]) <= OPTION_ROWS_MAX, "make room");

size_t option_row_count(void)
{
	return sizeof(option_rows) / sizeof(option_rows[0]);
}
