/* SPDX-License-Identifier: Zlib */
/* The table of commands, and the help that is printed from it. */
#include "agent/command.h"

#include <stdio.h>
#include <string.h>

#include "agent/error.h"
#include "agent/options.h"
#include "agent/version.h"
#include "probes/table.h"

const struct command command_table[] = {
	{"run", "", "prove the lane, write the environment, fail fast",
	 "Proves what the job's label promises and which caches answer, all in one run and within one\n"
	 "deadline. On a lane that promises Nix it mends Nix, or installs it, where that is needed and this\n"
	 "user is root or may use sudo (--no-repair leaves it). It writes the configuration of the proven\n"
	 "caches for the next steps (GITHUB_ENV, GITHUB_PATH, GITHUB_OUTPUT, the step summary), and ends\n"
	 "with status 1 when a promise is broken. A cache that does not answer never stops the job: it is\n"
	 "left out, and said.",
	 COMMAND_RUN, 0, command_run},
	{"hook", "started", "run, in the runner's hook before the job",
	 "Does in ACTIONS_RUNNER_HOOK_JOB_STARTED what run does in a step: proves the lane, and writes\n"
	 "GITHUB_ENV and the step summary. A failed lane stops the job only with --mode enforce. As a\n"
	 "hook's GITHUB_PATH breaks container jobs, Nix is linked into /usr/local/bin where that may be\n"
	 "written. The runner wants a script: actions/hook/job-started.sh calls this command.",
	 COMMAND_HOOK, 1, command_hook},
	{"exec", "-- CMD...", "a runner image's entrypoint: prove, then become CMD",
	 "Proves the lane while the pod starts, gives CMD what was proven in its environment, leaves the\n"
	 "findings to the runner's \"Set up job\" (.setup_info) and to the later steps, and becomes CMD,\n"
	 "whatever was found: wrong flags, a broken lane or a failure of spinup itself never keep CMD\n"
	 "from starting. All that spinup says goes to stderr. The runner's root, where .setup_info is\n"
	 "written, is the directory of CMD if that holds bin/Runner.Listener.",
	 COMMAND_EXEC, 0, command_exec},
	{"install", "", "Nix alone: proven, mended, or installed",
	 "Proves Nix, mends what is broken about it, and installs it where it is absent, from the sources\n"
	 "that the contract names, each pinned by its SHA-256; then its daemon is started and proven by a\n"
	 "handshake. Root, or a sudo that asks no password, is needed where something is to be changed.\n"
	 "Killed at any point, it leaves a state that the next run completes.",
	 COMMAND_INSTALL, 0, command_install},
	{"doctor", "", "the same proofs for an operator, everything shown",
	 "Runs every proof of the lane and shows all findings, facts and remedies, and what the next\n"
	 "steps would get. Changes nothing on the machine.",
	 COMMAND_DOCTOR, 0, command_run},
	{"plan", "", "what would be proven, and why",
	 "Prints the tasks that run would start, each with its kind, its deadline and its reason.\n"
	 "Does no I/O beyond reading the job's surroundings, the contract and the expectations.",
	 COMMAND_PLAN, 0, command_plan},
	{"probe", "NAME [URL]", "one proof alone, with all its facts",
	 "Runs one probe as if it were promised and shows everything that it measured. URL stands in\n"
	 "for the endpoint of attic, bazel and dns (a host name). Without NAME it lists the probes.",
	 COMMAND_PROBE, 2, command_probe},
	{"env", "", "what the next steps would get",
	 "Proves the lane and prints the environment as run would write it. Variables that stand for a\n"
	 "file are printed only with --write-files.",
	 COMMAND_ENV, 0, command_run},
	{"contract", "[VERB]", "print or validate the platform contract, or judge by it",
	 "Without VERB prints the contract in force: the built-in one, or --contract FILE.\n"
	 "  validate      checks it and the expectations of --expect FILE, and says what is wrong, where,\n"
	 "                and what is allowed\n"
	 "  attach        judges how Bazel is attached, by the job's environment and what is declared,\n"
	 "                without any network\n"
	 "  check PATH... finds values that are out of contract in files and whole trees; what .gitignore\n"
	 "                names is left out, and so are binary files",
	 COMMAND_CONTRACT, OPTIONS_MAX_ARGUMENTS - 1, command_contract},
	{"explain", "[ID]", "a finding: its meaning, how to confirm it, how to mend it",
	 "Explains one finding of the catalogue. Without ID it lists them all.", COMMAND_EXPLAIN, 1,
	 command_explain},
	{"version", "", "the version, and those of the libraries inside",
	 "Prints the version of spinup and of the libraries that are linked into it.",
	 COMMAND_VERSION, 0, command_version},
	{"repair", "ID...", NULL,
	 "How spinup calls itself as root (sudo -n): mends the findings that are named, from a closed\n"
	 "list, and speaks in frames on its standard output. Reads no variable and no file of the job's.",
	 COMMAND_REPAIR, OPTIONS_MAX_NAMES - 1, command_repair},
	{"help", "[COMMAND]", "this page, or a command's",
	 "Prints the list of commands, or the page of one.", COMMAND_HELP, 1, command_help},
	{0},
};

#define STATUS_COMMANDS                                                                            \
	(COMMAND_RUN | COMMAND_HOOK | COMMAND_INSTALL | COMMAND_DOCTOR | COMMAND_PROBE |           \
	 COMMAND_ENV)

const struct command *command_find(const char *name)
{
	for (const struct command *command = command_table; command->name; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

static void print_statuses(const struct command *command)
{
	puts("\nExit status:");
	if (command->bit == COMMAND_EXEC) {
		puts("  CMD's own; 127 when there is no CMD of that name, 126 when it cannot be run\n"
		     "  128 and the number of a signal that came before CMD was started\n"
		     "  2  no CMD was given");
		return;
	}
	if (command->bit & STATUS_COMMANDS) {
		puts(command->bit == COMMAND_INSTALL
			     ? "  0  ready or degraded"
			     : "  0  ready or degraded (or failed, under --mode warn)");
		puts("  1  failed: a promise is broken");
	} else if (command->bit == COMMAND_CONTRACT) {
		puts("  0  done; the attachment holds; nothing is out of contract");
		puts("  1  the attachment is refused, or something is out of contract");
	} else {
		puts("  0  done");
	}
	puts("  2  the usage, the contract or the expectations are wrong\n"
	     "  3  spinup itself failed");
}

static void print_command(const struct command *command)
{
	(void)printf("spinup %s - %s\n\nUsage: spinup %s%s%s%s%s\n\n%s\n\nOptions:\n",
		     command->name, command->summary ? command->summary : "spinup's own entry",
		     command->name, " [options]", *command->synopsis ? " " : "", command->synopsis,
		     "", command->description);
	options_print_help(command);
	if (command->bit == COMMAND_PROBE) {
		puts("\nProbes:");
		command_print_probes();
	}
	print_statuses(command);
}

void command_print_probes(void)
{
	for (size_t i = 0; probe_table[i]; i++)
		(void)printf("  %-12s %-7s %s\n", probe_table[i]->name,
			     probe_table[i]->argument ? probe_table[i]->argument : "",
			     probe_table[i]->summary);
}

static void print_overview(void)
{
	puts("spinup " SPINUP_VERSION " - proves a runner's lane before the job depends on it\n\n"
	     "Usage: spinup COMMAND [options]\n\nCommands:");
	for (const struct command *command = command_table; command->name; command++)
		if (command->summary)
			(void)printf("  %-9s %-11s %s\n", command->name, command->synopsis,
				     command->summary);
	puts("\nspinup COMMAND --help shows a command's options. Each option has a variable, which a flag\n"
	     "overrides. At a terminal, begin with: spinup doctor");
}

int command_help(const struct command *command, const struct options *options,
		 char *const *environment, struct error *error)
{
	const char *name = options->arguments[0];
	const struct command *found = name ? command_find(name) : NULL;

	(void)command;
	(void)environment;
	if (name && !found)
		return error_set(error, ERROR_USAGE,
				 "%.64s: there is no such command; see `spinup help`", name);
	if (found)
		print_command(found);
	else
		print_overview();
	return 0;
}
