/* SPDX-License-Identifier: Zlib */
/* Where the certificate authorities of this machine are. */
#include "agent/ca_search.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/mem.h"
#include "agent/nix_profile.h"

#define MAX_BUNDLE_BYTES (4u << 20)
#define DEBIAN_DIRECTORY "/etc/ssl/certs"
#define DEBIAN_BUNDLE DEBIAN_DIRECTORY "/ca-certificates.crt"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const directories[] = {DEBIAN_DIRECTORY, "/etc/pki/tls/certs"};

static const char *const bundles[] = {
	DEBIAN_BUNDLE,                                       /* Debian, Alpine, Arch, NixOS */
	"/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora, RHEL */
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* newer Fedora */
	"/etc/ssl/ca-bundle.pem",                            /* SUSE */
	"/etc/ssl/cert.pem",                                 /* Alpine */
	"/etc/ssl/certs/ca-bundle.crt",                      /* NixOS */
	NIX_PROFILE_DEFAULT "/etc/ssl/certs/ca-bundle.crt",
	"/root/.nix-profile/etc/ssl/certs/ca-bundle.crt",
};

/* "5ed36f99.0": the name under which OpenSSL looks a certificate up. */
static bool is_hash_link(const char *name)
{
	for (size_t i = 0; i < 8; i++)
		if (!isxdigit((unsigned char)name[i]))
			return false;
	return name[8] == '.' && isdigit((unsigned char)name[9]) && !name[10];
}

bool ca_directory_is_hashed(const struct root *root, const char *path)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_RDONLY | O_DIRECTORY, 0);
	CLEANUP_DIR DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!directory)
		return false;
	fd = -1; /* the stream owns it */
	while ((entry = readdir(directory)))
		if (is_hash_link(entry->d_name))
			return true;
	return false;
}

/* libcurl opens a directory by its path, which means nothing in a --root of ours. */
static bool use_directory(const struct context *context, const char *path, struct ca_search *ret)
{
	if (context->root.is_confined || !ca_directory_is_hashed(&context->root, path))
		return false;
	ret->directory = mem_strdup(path);
	ret->source = mem_strdup(path);
	return true;
}

static bool use_bundle(const struct context *context, const char *path, struct ca_search *ret)
{
	if (!path || *path != '/')
		return false;
	/* Debian makes both from one source; the directory is five times as fast. */
	if (strcmp(path, DEBIAN_BUNDLE) == 0 && use_directory(context, DEBIAN_DIRECTORY, ret))
		return true;
	strbuf_clear(&ret->bundle);
	if (root_read(&context->root, path, &ret->bundle) < 0 || !ret->bundle.length)
		return false;
	ret->source = mem_strdup(path);
	return true;
}

bool ca_search_find(const struct context *context, const char *preferred, struct ca_search *ret)
{
	*ret = (struct ca_search){0};
	strbuf_init(&ret->bundle, MAX_BUNDLE_BYTES);
	if (preferred)
		return use_bundle(context, preferred, ret);
	if (use_bundle(context, context_env(context, "SSL_CERT_FILE"), ret) ||
	    use_bundle(context, context_env(context, "NIX_SSL_CERT_FILE"), ret))
		return true;
	for (size_t i = 0; i < COUNT(directories); i++)
		if (use_directory(context, directories[i], ret))
			return true;
	for (size_t i = 0; i < COUNT(bundles); i++)
		if (use_bundle(context, bundles[i], ret))
			return true;
	return false;
}

static bool is_readable(const struct root *root, const char *path)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

const char *ca_bundle_find(const struct root *root)
{
	for (size_t i = 0; i < COUNT(bundles); i++)
		if (is_readable(root, bundles[i]))
			return bundles[i];
	return NULL;
}

void ca_search_release(struct ca_search *search)
{
	free(search->source);
	free(search->directory);
	strbuf_release(&search->bundle);
	search->source = NULL;
	search->directory = NULL;
}
