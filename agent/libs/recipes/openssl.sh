# shellcheck shell=bash disable=SC2034,SC2154
# OpenSSL: TLS 1.2 and 1.3, SHA-2, Ed25519; nothing that these do not need.
# SPDX-License-Identifier: Zlib
licence=Apache-2.0
needs=(musl)

# The job controls OPENSSL_CONF: no configuration is ever loaded (no-autoload-config).
options=(no-shared no-module no-dso no-engine no-legacy no-apps no-tests no-docs no-autoload-config
	no-async no-comp no-ssl3 no-tls1 no-tls1_1 no-dtls no-srtp no-srp no-psk no-sctp no-quic no-ct
	no-ocsp no-cms no-ts no-cmp no-rfc3779 no-nextprotoneg no-ui-console no-afalgeng no-ec2m no-gost
	no-aria no-bf no-blake2 no-camellia no-cast no-des no-dsa no-idea no-md4 no-mdc2 no-rc2 no-rc4
	no-rmd160 no-scrypt no-seed no-siphash no-siv no-sm2 no-sm3 no-sm4 no-whirlpool
	no-ml-dsa no-slh-dsa no-padlockeng no-ssl-trace no-argon2 no-http)

# Nothing of this machine goes into the library: neither the path of the tree nor the time.
recipe() {
	CC="$cc" CFLAGS="${cflags[*]}" ./Configure "linux-$arch" --prefix=/usr --libdir=lib \
		--openssldir=/etc/ssl "${options[@]}"
	"${make[@]}" build_libs
	install -m 644 libssl.a libcrypto.a "$sysroot/lib"
	install -d "$sysroot/include/openssl"
	install -m 644 include/openssl/*.h "$sysroot/include/openssl"
}
