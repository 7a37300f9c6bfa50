# The same static binary as ./build.sh makes, from Nix's static musl packages; and a shell to work in.
# SPDX-License-Identifier: Zlib
{
  description = "spinup: the bootstrap agent of a GitHub Actions job";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forEachSystem = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      version = builtins.head (
        builtins.match ".*SPINUP_VERSION \"([^\"]+)\".*" (builtins.readFile ./agent/version.h)
      );

      # A probe resolves its host by itself, in a process with a single thread: no resolver thread.
      curlFor =
        pkgs:
        (pkgs.curl.override {
          brotliSupport = false;
          gssSupport = false;
          idnSupport = false;
          pslSupport = false;
          scpSupport = false;
          zstdSupport = false;
        }).overrideAttrs
          (old: {
            configureFlags = old.configureFlags ++ [ "--disable-threaded-resolver" ];
          });

      libraries = pkgs: [
        (curlFor pkgs)
        pkgs.openssl
        pkgs.nghttp2
        (pkgs.libarchive.override { xarSupport = false; })
        pkgs.cjson
        pkgs.libseccomp
      ];

      spinup =
        pkgs:
        let
          static = pkgs.pkgsStatic;
          # The Vulkan helper is a dynamic program: the ordinary compiler makes it, without what a
          # wrapper adds for programs that have a C library.
          helper = "env NIX_HARDENING_ENABLE= CPATH=${pkgs.vulkan-headers}/include ${pkgs.stdenv.cc}/bin/cc";
        in
        static.stdenv.mkDerivation {
          pname = "spinup";
          inherit version;
          src = self;
          nativeBuildInputs = [ static.buildPackages.pkg-config ];
          buildInputs = libraries static;
          buildPhase = ''
            runHook preBuild
            make -j$NIX_BUILD_CORES build/spinup cc-release=$CC STRIP=$STRIP cc-helper='${helper}' \
              ldflags-release='-static -Wl,--gc-sections' \
              libs-release="$($PKG_CONFIG --static --libs libcurl libssl libarchive libcjson libseccomp)"
            runHook postBuild
          '';
          installPhase = ''
            runHook preInstall
            install -D -m 755 build/spinup $out/bin/spinup
            runHook postInstall
          '';
          meta = {
            description = "Proves, repairs and configures a CI job's machine before its first step";
            license = lib.licenses.zlib;
            mainProgram = "spinup";
            platforms = systems;
          };
        };
    in
    {
      packages = forEachSystem (pkgs: {
        default = spinup pkgs;
      });

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          packages = libraries pkgs ++ [
            pkgs.clang-tools
            pkgs.cmocka
            pkgs.cppcheck
            pkgs.pkg-config
            pkgs.shellcheck
            pkgs.vulkan-headers
          ];
        };
      });
    };
}
