/* SPDX-License-Identifier: Zlib */
/* Determinate's own installer, a program that was downloaded into the staging directory. */
#pragma once

struct error;
struct installation;
struct install_source;
struct strbuf;

#define INSTALL_INSTALLER_NAME "installer"

/* A consumer for install_stream: what comes is saved under INSTALL_INSTALLER_NAME, not executable. */
int install_installer_save(int fd, int staging, struct error *error);

/* Runs it, after the digest has been compared, without telemetry and without changing shell profiles,
 * and holds it to its receipt. Returns 0, or -1 with ERROR. */
int install_installer_run(struct installation *installation, const struct install_source *source,
			  struct error *error);

/* Has the installer that was left at /nix/nix-installer take its work back, where it is one of those that
 * the manifest says were run, and only root could have changed it. Returns 0, also where none is there;
 * 1 where it was not run, and in WHY the reason; or -1 with ERROR: it failed. */
int install_installer_undo(struct installation *installation, struct strbuf *why,
			   struct error *error);
