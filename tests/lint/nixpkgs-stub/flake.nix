# Stands in for nixpkgs so that a real Nix can evaluate our flake.nix without fetching anything:
#   nix eval --override-input nixpkgs path:tests/lint/nixpkgs-stub .#packages.x86_64-linux.default.drvPath
# SPDX-License-Identifier: Zlib
{
  outputs = { self }: rec {
    lib = {
      genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
      licenses.zlib = { spdxId = "Zlib"; };
    };
    legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system:
      let
        named = name: derivation { inherit name system; builder = "/bin/sh"; };
        over = name: (named name) // { override = _: over name; overrideAttrs = f: named "${name}-${toString (builtins.length (f { configureFlags = [ ]; }).configureFlags)}"; };
        make = args: derivation ((builtins.removeAttrs args [ "meta" "pname" "version" "src" ]) // { name = "${args.pname}-${args.version}"; inherit system; builder = "/bin/sh"; });
        set = {
          stdenv = { mkDerivation = make; cc = named "cc"; };
          mkShell = args: make (args // { pname = "shell"; version = "0"; });
          curl = over "curl"; libarchive = over "libarchive";
          openssl = named "openssl"; nghttp2 = named "nghttp2"; cjson = named "cjson"; libseccomp = named "libseccomp";
          pkg-config = named "pkg-config"; clang-tools = named "clang-tools"; cmocka = named "cmocka"; cppcheck = named "cppcheck"; shellcheck = named "shellcheck"; vulkan-headers = named "vulkan-headers";
        };
      in set // { pkgsStatic = set // { buildPackages = set; }; });
  };
}
