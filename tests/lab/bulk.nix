# SPDX-License-Identifier: Zlib
# A store path for each folder of /bulk: what makes a closure as large as a real one.
map (name: derivation {
  name = "bulk-${name}";
  system = builtins.currentSystem;
  builder = "/bin/bash";
  PATH = "/usr/bin:/bin";
  args = [ "-euc" "cp -r --no-preserve=ownership /bulk/${name} $out\nexit 0" ];
}) (builtins.attrNames (builtins.readDir /bulk))
