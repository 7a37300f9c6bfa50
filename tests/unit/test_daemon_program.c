/* SPDX-License-Identifier: Zlib */
/* Which program becomes the daemon, who could have put it there, and what it gets. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/daemon_program.h"
#include "agent/error.h"
#include "agent/nix_daemon.h"
#include "agent/root.h"
#include "agent/trusted_path.h"
#include "agent/words.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define DETERMINATE "/usr/local/bin/determinate-nixd"
#define PROFILE "/nix/var/nix/profiles/default/bin/nix-daemon"
#define DISTRIBUTION "/usr/bin/nix-daemon"
#define NIX_BIN "/nix/store/aaa-nix/bin"

struct place {
	struct machine machine;
	struct root root;
	struct daemon_places places; /* the machine's, within it */
};

static int place_make(void **state)
{
	static struct place place;

	machine_make(&place.machine);
	assert_int_equal(root_open_directory(&place.root, place.machine.directory, NULL), 0);
	place.places = daemon_places;
	place.places.owner = geteuid();
	*state = &place;
	return 0;
}

static int place_remove(void **state)
{
	struct place *place = *state;

	root_close(&place->root);
	machine_remove(&place->machine);
	return 0;
}

/* Whether there was a file or a link at PATH, which is gone now. */
static bool take_away(const struct place *place, const char *path)
{
	return unlinkat(place->root.fd, path + 1, 0) == 0;
}

static void put_program(const struct place *place, const char *path)
{
	machine_file(&place->machine, path, "#!/bin/sh\n");
	machine_mode(&place->machine, path, 0555);
}

/* As Nix itself lays it out: links of root's, and a store in which its builders may write. */
static void put_profile(const struct place *place)
{
	put_program(place, NIX_BIN "/nix");
	machine_link(&place->machine, NIX_BIN "/nix-daemon", "nix");
	machine_link(&place->machine, "/nix/store/bbb-user-environment/bin", NIX_BIN);
	machine_link(&place->machine, "/nix/var/nix/profiles/default-1-link",
		     "/nix/store/bbb-user-environment");
	machine_link(&place->machine, "/nix/var/nix/profiles/default", "default-1-link");
	machine_mode(&place->machine, "/nix/store", 01775);
}

static void assert_finds(const struct place *place, const char *path, const char *argument)
{
	CLEANUP_DAEMON_PROGRAM struct daemon_program program = {0};
	struct error error = {0};

	assert_int_equal(daemon_program_find(&place->root, &place->places, &program, &error), 0);
	assert_string_equal(program.path, path);
	assert_string_equal(program.arguments.items[0], strrchr(path, '/') + 1);
	if (argument)
		assert_string_equal(program.arguments.items[1], argument);
	assert_null(program.arguments.items[argument ? 2 : 1]);
}

static void assert_finds_none(const struct place *place, const char *why, const char *cure)
{
	CLEANUP_DAEMON_PROGRAM struct daemon_program program = {0};
	struct error error = {0};

	assert_int_equal(daemon_program_find(&place->root, &place->places, &program, &error), -1);
	print_message("%s\n", error.message);
	assert_non_null(strstr(error.message, why));
	assert_non_null(strstr(error.message, cure));
}

static void the_first_that_is_there(void **state)
{
	const struct place *place = *state;

	assert_finds_none(place, "there is no Nix daemon to start", "install Nix");
	put_program(place, DISTRIBUTION);
	assert_finds(place, DISTRIBUTION, NULL);
	put_profile(place);
	assert_finds(place, PROFILE, NULL);
	put_program(place, DETERMINATE);
	assert_finds(place, DETERMINATE, "daemon");
}

/* Where others can change anything on the way, root would run what they choose. */
static void a_way_that_others_can_change(void **state)
{
	static const struct {
		const char *path;
		mode_t mode;
	} rows[] = {
		{"/nix", 0777},
		{"/nix", 0775},
		{"/nix/store", 0775}, /* not sticky */
		{"/nix/store/aaa-nix", 0757},
		{"/nix/var/nix/profiles", 0777},
		{NIX_BIN "/nix", 0757},
		{NIX_BIN "/nix", 01777}, /* of a file that bit says nothing */
	};
	const struct place *place = *state;

	put_profile(place);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct stat before;

		assert_int_equal(root_stat(&place->root, rows[i].path, &before), 0);
		machine_mode(&place->machine, rows[i].path, rows[i].mode);
		assert_finds_none(place, rows[i].path, "chmod go-w");
		machine_mode(&place->machine, rows[i].path, before.st_mode & 07777);
		assert_finds(place, PROFILE, NULL);
	}
}

/* Another flavour's daemon is not taken for the one that is installed. */
static void no_other_instead(void **state)
{
	const struct place *place = *state;

	put_profile(place);
	put_program(place, DETERMINATE);
	machine_mode(&place->machine, DETERMINATE, 0444);
	assert_finds_none(place, DETERMINATE " is not started: it is no program",
			  "install Nix anew");
	machine_mode(&place->machine, DETERMINATE, 0777);
	assert_finds_none(place, DETERMINATE " is not started", "chmod go-w");
	assert_true(take_away(place, DETERMINATE));
	machine_link(&place->machine, DETERMINATE, "/nowhere");
	assert_finds_none(place, DETERMINATE " is not started: No such file", "install Nix anew");
	assert_true(take_away(place, DETERMINATE));
	machine_directory(&place->machine, DETERMINATE);
	assert_finds_none(place, DETERMINATE, "it is no program");
}

static void a_way_that_belongs_to_others(void **state)
{
	static const char *const paths[] = {
		"/nix/store",
		"/nix/var/nix/profiles/default-1-link",
		NIX_BIN,
		NIX_BIN "/nix",
	};
	const struct place *place = *state;

	if (geteuid() != 0)
		skip(); /* only root can give files away */
	put_profile(place);
	for (size_t i = 0; i < COUNT(paths); i++) {
		assert_int_equal(
			fchownat(place->root.fd, paths[i] + 1, 1001, 0, AT_SYMLINK_NOFOLLOW), 0);
		assert_finds_none(place, paths[i], "belongs to user 1001");
		assert_int_equal(fchownat(place->root.fd, paths[i] + 1, 0, 0, AT_SYMLINK_NOFOLLOW),
				 0);
	}
	assert_int_equal(fchownat(place->root.fd, "", 1001, 0, AT_EMPTY_PATH), 0);
	assert_finds_none(place, "/ belongs to user 1001", "chown root");
}

static void what_cannot_be_followed(void **state)
{
	const struct place *place = *state;
	struct error error = {0};

	machine_link(&place->machine, "/loop", "loop");
	assert_int_equal(trusted_path_check(&place->root, "/loop", geteuid(), &error), -1);
	assert_int_equal(strncmp(error.message, "/loop: ", 7), 0);
	assert_int_equal(trusted_path_check(&place->root, "/absent/x", geteuid(), &error), -1);
	assert_int_equal(strncmp(error.message, "/absent/x: ", 11), 0);
	assert_int_equal(trusted_path_check(&place->root, "/", geteuid(), NULL), 0);
}

/* ---- the environment */

static char *environment_of(const struct place *place, char *const *proxies,
			    const char *tracking_id)
{
	CLEANUP_WORDS struct words words = {0};
	struct error error = {0};

	assert_int_equal(daemon_program_environment(&place->root, &place->places,
						    &(struct daemon_legacy){proxies, tracking_id},
						    &words, &error),
			 0);
	assert_null(words.items[words.count]);
	return words_join(&words, '\n');
}

#define BASE                                                                                       \
	"HOME=/root\nPATH=/nix/var/nix/profiles/default/bin:/usr/local/sbin:/usr/local/bin:"       \
	"/usr/sbin:/usr/bin:/sbin:/bin"
#define BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define PROFILES_BUNDLE "/nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt"

/* All of it: what is not here, such as the job's own variables, the daemon does not get. */
static void what_the_daemon_gets(void **state)
{
	char *proxies[] = {"https_proxy=http://proxy:3128", "NO_PROXY=.svc,10.0.0.0/8", NULL};
	const struct place *place = *state;
	CLEANUP_FREE char *none = NULL, *profiles = NULL, *all = NULL;

	assert_int_equal(setenv("NIX_CONFIG", "substituters = http://evil", 1), 0);
	assert_int_equal(setenv("NIX_SSL_CERT_FILE", "/job/ca.crt", 1), 0);
	none = environment_of(place, NULL, NULL);
	assert_string_equal(none, BASE);
	machine_file(&place->machine, PROFILES_BUNDLE, "certificates");
	machine_directory(&place->machine, BUNDLE); /* is none */
	profiles = environment_of(place, NULL, NULL);
	assert_string_equal(profiles, BASE "\nNIX_SSL_CERT_FILE=" PROFILES_BUNDLE);
	assert_int_equal(unlinkat(place->root.fd, &BUNDLE[1], AT_REMOVEDIR), 0);
	machine_file(&place->machine, BUNDLE, "certificates");
	all = environment_of(place, proxies, "github_1");
	assert_string_equal(all, BASE "\nNIX_SSL_CERT_FILE=" BUNDLE
				      "\nhttps_proxy=http://proxy:3128\nNO_PROXY=.svc,10.0.0.0/8"
				      "\nRUNNER_TRACKING_ID=github_1");
}

static void what_it_does_not_get(void **state)
{
	static const struct {
		char *proxy;
		const char *tracking_id, *why;
	} rows[] = {
		{"LD_PRELOAD=/tmp/x.so", NULL, "LD_PRELOAD is no proxy variable"},
		{"https_proxyx=1", NULL, "https_proxyx is no proxy variable"},
		{"https_prox=1", NULL, "is no proxy variable"},
		{"https_proxy", NULL, "is no proxy variable"},
		{"=x", NULL, "is no proxy variable"},
		{"http_proxy=http://u:secret@p\n", NULL, "http_proxy has control characters"},
		{NULL, "github\nLD_PRELOAD=x", "RUNNER_TRACKING_ID has control characters"},
	};
	const struct place *place = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		char *proxies[] = {rows[i].proxy, NULL};
		CLEANUP_WORDS struct words words = {0};
		struct error error = {0};

		assert_int_equal(daemon_program_environment(
					 &place->root, &place->places,
					 &(struct daemon_legacy){proxies, rows[i].tracking_id},
					 &words, &error),
				 -1);
		assert_non_null(strstr(error.message, rows[i].why));
		assert_null(strstr(error.message, "secret"));
	}
}

/* ---- systemd */

static void what_systemd_knows(void **state)
{
	const struct place *place = *state;
	CLEANUP_WORDS struct words none = {0}, one = {0}, both = {0};

	machine_file(&place->machine, "/etc/systemd/system/nix-daemon.service", "[Service]\n");
	daemon_program_units(&place->root, &place->places, &none);
	assert_int_equal(none.count, 0); /* installed, but it is not init */
	machine_directory(&place->machine, "/run/systemd/system");
	machine_link(&place->machine, "/etc/systemd/system/nix-daemon.socket", "/nix/dangling");
	daemon_program_units(&place->root, &place->places, &one);
	assert_int_equal(one.count, 1);
	assert_string_equal(one.items[0], "nix-daemon.service");
	machine_file(&place->machine, "/usr/lib/systemd/system/nix-daemon.socket", "[Socket]\n");
	daemon_program_units(&place->root, &place->places, &both);
	assert_int_equal(both.count, 2);
	assert_string_equal(both.items[0], "nix-daemon.socket");
}

/* ---- the socket's directory */

#define DIRECTORY "/nix/var/nix/daemon-socket"

static int make_directory(const struct place *place, struct error *error)
{
	return daemon_program_make_directory(&place->root, &place->places, error);
}

static void the_sockets_directory(void **state)
{
	static const char *const made[] = {"/nix", "/nix/var", "/nix/var/nix", DIRECTORY};
	const struct place *place = *state;
	struct error error = {0};
	mode_t mask = umask(077);

	assert_int_equal(make_directory(place, &error), 0);
	umask(mask);
	for (size_t i = 0; i < COUNT(made); i++) {
		struct stat status;

		assert_int_equal(root_lstat(&place->root, made[i], &status), 0);
		assert_int_equal(status.st_mode, S_IFDIR | 0755);
	}
	machine_mode(&place->machine, DIRECTORY, 0711); /* an administrator's, who knows why */
	assert_int_equal(make_directory(place, &error), 0);
}

/* Nothing is made where others may write. */
static void nothing_is_made_in_anybodys(void **state)
{
	const struct place *place = *state;
	struct error error = {0};
	struct stat status;

	machine_directory(&place->machine, "/nix");
	machine_mode(&place->machine, "/nix", 0777); /* an emptyDir of Kubernetes */
	assert_int_equal(make_directory(place, &error), -1);
	assert_int_equal(strncmp(error.message, "/nix has mode 0777", 18), 0);
	assert_int_equal(root_lstat(&place->root, "/nix/var", &status), -1);
}

static void directories_of_others(void **state)
{
	static const struct {
		const char *link, *file;
		const char *path;
		mode_t mode;
		const char *why;
	} rows[] = {
		{"/elsewhere", NULL, NULL, 0, DIRECTORY " is a symlink"},
		{NULL, "x", NULL, 0, DIRECTORY " is a file"},
		{NULL, NULL, DIRECTORY, 01777, DIRECTORY " has mode 1777"},
		{NULL, NULL, DIRECTORY, 0775, DIRECTORY " has mode 0775"},
		{NULL, NULL, "/nix/var/nix", 0777, "/nix/var/nix has mode 0777"},
	};
	const struct place *place = *state;

	machine_directory(&place->machine, "/elsewhere");
	machine_directory(&place->machine, "/nix/var/nix");
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error error = {0};

		machine_mode(&place->machine, "/nix/var/nix", 0755);
		(void)take_away(place, DIRECTORY);
		(void)unlinkat(place->root.fd, &DIRECTORY[1], AT_REMOVEDIR);
		if (rows[i].link)
			machine_link(&place->machine, DIRECTORY, rows[i].link);
		else if (rows[i].file)
			machine_file(&place->machine, DIRECTORY, rows[i].file);
		else
			machine_directory(&place->machine, DIRECTORY);
		if (rows[i].path)
			machine_mode(&place->machine, rows[i].path, rows[i].mode);
		assert_int_equal(make_directory(place, &error), -1);
		assert_int_equal(strncmp(error.message, rows[i].why, strlen(rows[i].why)), 0);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_that_is_there), TEST(a_way_that_others_can_change),
		TEST(no_other_instead),        TEST(a_way_that_belongs_to_others),
		TEST(what_cannot_be_followed), TEST(what_the_daemon_gets),
		TEST(what_it_does_not_get),    TEST(what_systemd_knows),
		TEST(the_sockets_directory),   TEST(nothing_is_made_in_anybodys),
		TEST(directories_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
