# SPDX-License-Identifier: Zlib
# The paths that only the lab's binary cache has: a leaf, one that refers to it, and one of 1 MiB.
let
  make = name: script: derivation {
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/bash";
    PATH = "/usr/bin:/bin";
    args = [ "-euc" "${script}\nexit 0" ];
  };
in rec {
  dep = make "lab-dep" "echo dep > $out";
  hello = make "lab-hello" "echo hello from ${dep} > $out";
  big = make "lab-big" "head -c 1048576 /dev/urandom > $out";
}
