/* SPDX-License-Identifier: Zlib */
/* The facts that are read outside the probe that measures them. Each key has one writer. */
#pragma once

/* system */
#define FACT_SYSTEM "system.system"                /* string: "x86_64-linux" */
#define FACT_MEMORY_LIMIT "system.memory_bytes"    /* integer: cgroup limit, else the machine's */
#define FACT_CPU_LIMIT "system.cpu_millis"         /* integer: 4000 is four CPUs */
#define FACT_DISK_PATH "system.disk.%u.path"       /* string; counted from 0 */
#define FACT_DISK_FREE "system.disk.%u.free_bytes" /* integer, for this user */

/* nix */
/* string: "daemon", "single-user", "absent", "broken", "other" (NIX_REMOTE leads elsewhere) */
#define FACT_NIX_STATE "nix.state"
#define FACT_NIX_VERSION "nix.version" /* string: upstream number, "2.26.3" */
/* string: "determinate", "upstream", "lix", "distribution", "unknown" */
#define FACT_NIX_DAEMON_VERSION "nix.daemon.version" /* string, as it says itself */
#define FACT_NIX_FLAVOUR "nix.flavour"
#define FACT_NIX_DETERMINATE "nix.determinate_version" /* string */
#define FACT_NIX_TRUST "nix.trust"              /* string: "trusted", "untrusted", "unknown" */
#define FACT_NIX_BYPASS "nix.is_bypassed"       /* boolean: root would go past a running daemon */
#define FACT_NIX_PROFILE_BIN "nix.profile_bin"  /* string: directory that holds a working nix */
#define FACT_NIX_STORE_PATH "nix.store_path"    /* string: the profile's own Nix, /nix/store/… */
#define FACT_NIX_CONF_VALID "nix.conf.is_valid" /* boolean: no line breaks every nix command */
#define FACT_NIX_SUBSTITUTERS "nix.conf.substituters"                 /* list, effective */
#define FACT_NIX_TRUSTED_SUBSTITUTERS "nix.conf.trusted_substituters" /* list, the daemon's */
#define FACT_NIX_DAEMON_SUBSTITUTERS "nix.conf.daemon_substituters"   /* list, the daemon's own */
#define FACT_NIX_KEYS "nix.conf.trusted_public_keys"                  /* list, effective */
#define FACT_NIX_DAEMON_KEYS "nix.conf.daemon_trusted_public_keys"    /* list, the daemon's own */
#define FACT_NIX_FEATURES "nix.conf.system_features"                  /* list */
#define FACT_NIX_FEATURES_SET "nix.conf.are_system_features_set"      /* boolean: not the default */
#define FACT_NIX_BUILD_USERS "nix.build_users"                        /* integer: more than 0 */
#define FACT_NIX_NETRC "nix.conf.netrc_file"                          /* string, effective */
#define FACT_NIX_FILE_SETTINGS "nix.conf.file_settings" /* list: names that some nix.conf sets */
#define FACT_NIX_CA_BUNDLE                                                                         \
	"nix.ca_bundle" /* string: a readable bundle, where no variable names one */

/* attic */
#define FACT_ATTIC_USABLE "attic.is_usable"        /* boolean: proven, may be configured */
#define FACT_ATTIC_URL "attic.url"                 /* string: the server as probed, no user info */
#define FACT_ATTIC_CACHE "attic.cache"             /* string */
#define FACT_ATTIC_KEY "attic.public_key"          /* string: the key to trust, after comparison */
#define FACT_ATTIC_NEEDS_TOKEN "attic.needs_token" /* boolean: reads need the token (private) */
#define FACT_ATTIC_PUSH "attic.push"               /* string: "allowed", "denied", "unknown" */
/* boolean, where there is a proxy: only the way past it leads there */
#define FACT_ATTIC_DIRECT_ONLY "attic.is_direct_only"

/* bazel */
#define FACT_BAZEL_USABLE "bazel.is_usable"          /* boolean */
#define FACT_BAZEL_URL "bazel.url"                   /* string, no user info */
#define FACT_BAZEL_UPDATES "bazel.is_update_enabled" /* boolean */
#define FACT_BAZEL_COMPRESSORS "bazel.compressors"   /* list: "zstd", … */
#define FACT_BAZEL_DIGESTS "bazel.digest_functions"  /* list: "sha256", … */

/* toolchain */
#define FACT_BAZEL_VERSION "toolchain.bazel"   /* string: by .bazelversion, else the tool itself */
#define FACT_DOCKER_VERSION "toolchain.docker" /* string: the client's */

/* docker */
#define FACT_DOCKER_USABLE "docker.is_usable" /* boolean: a daemon answered */
/* string: the socket that works, where what the job's clients go to does not */
#define FACT_DOCKER_WORKING_HOST "docker.working_host"
#define FACT_DOCKER_OLDEST_API "docker.oldest_api_version" /* string: "1.24" */

/* kvm */
#define FACT_KVM_USABLE "kvm.is_usable" /* boolean: a guest ran, as this user */
/* boolean: Nix's build users may open the node */
#define FACT_KVM_FOR_BUILDERS "kvm.node.is_open_to_build_users"
#define FACT_KVM_NODE_MODE "kvm.node.mode"  /* string: "0660" */
#define FACT_KVM_NODE_OWN "kvm.node.is_own" /* boolean: made for this container, not the host's */
#define FACT_KVM_AFTER_DAEMON "kvm.node.is_younger_than_daemon" /* boolean */

/* substituters */
#define FACT_DEAD_SUBSTITUTERS "substituters.dead" /* list: URLs, as the configuration lists them */

/* gpu */
#define FACT_GPU_USABLE "gpu.is_usable" /* boolean: computed, on a CPU only where allowed */
