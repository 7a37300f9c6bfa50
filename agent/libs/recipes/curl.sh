# shellcheck shell=bash disable=SC2034,SC2154
# curl: http and https with HTTP/2 and proxies; no resolver thread, no certificates built in.
# SPDX-License-Identifier: Zlib
licence=curl
needs=(musl openssl nghttp2)

options=(--disable-ftp --disable-file --disable-ldap --disable-ldaps --disable-rtsp --disable-dict
	--disable-telnet --disable-tftp --disable-pop3 --disable-imap --disable-smb --disable-smtp
	--disable-gopher --disable-mqtt --disable-ipfs --disable-websockets --disable-manual --disable-docs
	--disable-libcurl-option --disable-ntlm --disable-negotiate-auth --disable-kerberos-auth
	--disable-digest-auth --disable-aws --disable-tls-srp --disable-cookies
	--disable-alt-svc --disable-hsts --disable-doh --disable-mime --disable-form-api --disable-netrc
	--disable-progress-meter --disable-dateparse --disable-get-easy-options
	--disable-threaded-resolver --disable-ares --disable-openssl-auto-load-config --disable-ech
	--without-brotli --without-zstd --without-zlib --without-libidn2 --without-libpsl --without-libssh2
	--without-librtmp --without-libgsasl --without-ca-bundle --without-ca-path --without-ca-fallback
	--enable-ipv6 --enable-proxy --enable-http-auth --enable-basic-auth --enable-bearer-auth
	--with-openssl="$sysroot" --with-nghttp2="$sysroot")

recipe() {
	configure "${options[@]}" LIBS="-lssl -lcrypto" CPPFLAGS="-DNGHTTP2_STATICLIB"
	"${make[@]}" -C lib install-libLTLIBRARIES
	"${make[@]}" -C include install
}
