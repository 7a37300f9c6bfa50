# SPDX-License-Identifier: Zlib
# Debian's own nix as a real closure in /nix/store: the program, its libraries, the CA bundle and a profile,
# by raw derivations whose references Nix finds itself. `pname` names the result: with
# "determinate-nix-3.0.0" the same bits stand in for Determinate Nix, whose binaries cannot be had here.
# A script must end with a builtin: bash would exec a last command, coreutils close their output before they
# exit, and Nix kills a builder whose output has ended.
{ pname, glibcName ? "glibc-2.41" }:
let
  libraries = "/usr/lib/x86_64-linux-gnu";
  make = name: script: derivation {
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/bash";
    PATH = "/usr/bin:/bin";
    args = [ "-euc" "${script}\nexit 0" ];
  };
  glibc = make glibcName ''
    mkdir -p $out/lib
    cd ${libraries}
    for file in ld-linux-x86-64.so.2 libc.so.6 libm.so.6 libmvec.so.1 libpthread.so.0 libdl.so.2 librt.so.1 \
      libresolv.so.2 libutil.so.1 libnss_files.so.2 libnss_dns.so.2 libanl.so.1; do cp -L $file $out/lib/; done
    chmod 755 $out/lib/ld-linux-x86-64.so.2
  '';
  needed = make "nix-libraries" ''
    mkdir -p $out/lib
    ${libraries}/ld-linux-x86-64.so.2 --list /usr/bin/nix | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' |
      while read -r file; do
        test -e ${glibc}/lib/''${file##*/} || cp -L $file $out/lib/
      done
    chmod u+w $out/lib/*
    for file in $out/lib/*; do patchelf --set-rpath $out/lib:${glibc}/lib $file; done
  '';
  cacert = make "nss-cacert-3.110" ''
    mkdir -p $out/etc/ssl/certs
    cp /etc/ssl/certs/ca-certificates.crt $out/etc/ssl/certs/ca-bundle.crt
  '';
  nix = make pname ''
    mkdir -p $out/bin
    cp /usr/bin/nix $out/bin/nix
    chmod u+w $out/bin/nix
    patchelf --set-interpreter ${glibc}/lib/ld-linux-x86-64.so.2 \
      --set-rpath ${needed}/lib:${glibc}/lib $out/bin/nix
    for name in nix-build nix-channel nix-collect-garbage nix-copy-closure nix-daemon nix-env nix-hash \
      nix-instantiate nix-prefetch-url nix-shell nix-store; do ln -s nix $out/bin/$name; done
  '';
in {
  inherit nix cacert;
  profile = make "user-environment" ''
    mkdir -p $out/bin $out/etc/ssl/certs
    for file in ${nix}/bin/*; do ln -s $file $out/bin/; done
    ln -s ${cacert}/etc/ssl/certs/ca-bundle.crt $out/etc/ssl/certs/
    echo '[ ]' > $out/manifest.nix
  '';
}
