#!/usr/bin/env bash
# The one entry to spinup's source: builds it, tests it, shows it. `./build.sh help` lists what there is.
# SPDX-License-Identifier: Zlib
# shellcheck disable=SC2119,SC2120 # a command called inside takes no arguments of ours
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

jobs=$(nproc)
out=build machine=$(uname -m) # of the binary; set_target changes them
emulator=()                   # what runs the binary's tests
unset TARGET

say() { printf '%s\n' "$*" >&2; }
step() { printf '\n== %s\n' "$*" >&2; }
die() { say "build.sh: $*"; exit 1; }

#: build [OPTION...]  make build/spinup; --locked takes exactly what deps.lock names, or stops; --target aarch64 makes build/aarch64/spinup, by a cross compiler
cmd_build() {
	local locked=()
	while [ $# -gt 0 ]; do
		case $1 in
		--locked) locked=(--locked) ;;
		--target) set_target "${2:-}" && shift ;;
		*) die "build takes nothing but --locked and --target aarch64" ;;
		esac
		shift
	done
	need build
	[ -z "${TARGET:-}" ] || need cross
	agent/libs/make.sh "${locked[@]}" >&2
	compile "$out/spinup"
	say "$out/spinup: $(stat -c %s "$out/spinup") bytes"
}

#: lock  take the newest library sources that the archive has, and write deps.lock
cmd_lock() {
	need build
	agent/libs/make.sh --lock
}

#: dev [NAME...]  build with sanitizers (gcc and clang) and run the unit tests, or those named
cmd_dev() {
	need dev
	compile dev-gcc dev-clang unit-gcc unit-clang
	local status=0
	run_units gcc "$@" || status=1
	run_units clang "$@" || status=1
	return $status
}

#: static  build and run the tests that need the release's own libraries (the sandbox's denials)
cmd_static() {
	local test failed=()
	step "static tests"
	compile static-tests
	for test in tests/static/*.c; do
		[ -e "$test" ] || continue
		run_one "build/static-tests/$(basename "$test" .c)" || failed+=("$test")
	done
	[ ${#failed[@]} -eq 0 ] || { say "FAILED: ${failed[*]}"; return 1; }
}

#: aarch64 [NAME...]  build for aarch64 on another machine, and run the unit and static tests under qemu-user, or those named
cmd_aarch64() {
	local program left_out programs failed=() log=build/aarch64/filters.log
	[ "$machine" != aarch64 ] || { say "aarch64: this machine is one: \`dev\` and \`static\` run them"; return; }
	cmd_build --target aarch64
	step "unit and static tests, aarch64 under qemu-user"
	programs=$(tests/aarch64/programs.sh "$@")
	[ -n "$programs" ] || die "aarch64: no test that runs there is called $*"
	# shellcheck disable=SC2046 # the first word of each line
	compile build/aarch64/filters.so build/aarch64/emulated $(cut -d' ' -f1 <<<"$programs")
	rm -f "$log"
	emulator=(qemu-aarch64 -plugin "$PWD/build/aarch64/filters.so,log=$PWD/$log")
	while read -r program left_out; do
		LEFT_OUT=" $left_out " run_one "$PWD/$program" </dev/null || failed+=("$(basename "$program")")
	done <<<"$programs"
	[ ${#failed[@]} -eq 0 ] || { say "FAILED: ${failed[*]}"; return 1; }
}

#: run [--] ARGS...  build, then run build/spinup with these arguments
cmd_run() {
	cmd_build
	[ "${1:-}" != -- ] || shift
	exec build/spinup "$@"
}

#: test [ARGS...]  every test; the arguments go to pytest (-k NAME, -x, a file ...)
cmd_test() {
	local status=0 python what=(tests/lab tests/e2e)
	cmd_build
	./build.sh dev || status=1
	./build.sh static || status=1
	./build.sh aarch64 || status=1
	fuzz_briefly || status=1
	prepare_lab
	python=$(find_python)
	step "end to end"
	[ $status -eq 0 ] || say "(unit, static, aarch64 or fuzz tests FAILED, see above)"
	[[ " $* " != *" tests/"* ]] || what=()
	"$python" -m pytest -o cache_dir=build/pytest "${what[@]}" "$@" || status=1
	return $status
}

#: lab [-- CMD...]  run a command (a shell where none is given) inside the lab, with build/spinup on PATH
cmd_lab() {
	cmd_build
	prepare_lab
	[ "${1:-}" != -- ] || shift
	exec "$(find_python)" tests/lab/lab.py run -- "$@"
}

#: demo [ARGS...]  build, then show a whole job bootstrap against real servers
cmd_demo() {
	cmd_build
	prepare_lab
	exec "$(find_python)" tests/lab/demo.py "$@"
}

#: bench [WHAT...]  measure lane, action, dead, devices, install, bazel, instructions, hostile or load (or all)
cmd_bench() {
	need bench
	cmd_build
	prepare_lab
	exec "$(find_python)" tests/bench/bench.py "$@"
}

#: lint [CHECK...]  actions, cppcheck, format, layers, shellcheck, tidy (all of them, or those named)
cmd_lint() {
	local check failed=() checks=("$@")
	need lint
	[ ${#checks[@]} -gt 0 ] || mapfile -t checks < <(names tests/lint sh)
	for check in "${checks[@]}"; do
		[ -e "tests/lint/$check.sh" ] || die "no lint check is called $check"
		step "lint: $check"
		"tests/lint/$check.sh" || failed+=("$check")
	done
	[ ${#failed[@]} -eq 0 ] || die "lint: failed: ${failed[*]}"
	say "lint: clean (${checks[*]})"
}

#: format  put every C file into the house's format
cmd_format() {
	need lint
	find agent probes tests -name '*.[ch]' -exec clang-format -i {} +
}

#: fuzz [NAME [SECONDS]]  run the fuzz targets (or one) for 60 seconds each, or so many
cmd_fuzz() {
	local target targets=() seconds=${2:-60}
	need dev
	compile fuzzers
	mapfile -t targets < <(fuzz_targets)
	[ -z "${1:-}" ] || targets=("$1")
	for target in "${targets[@]}"; do
		step "fuzz: $target, $seconds s"
		fuzz_one "$target" -max_total_time="$seconds" -print_final_stats=1
	done
}

#: dist [OPTION...]  put a release into build/dist, the same bytes each time: archive, binary, release.json; the options are those of build
cmd_dist() {
	local name time tree=build/dist/tree
	cmd_build "$@"
	name=spinup-$(version)-$machine-linux
	time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y agent/version.h)}
	rm -rf "$tree" && mkdir -p "$tree/$name/licences"
	install -m 755 "$out/spinup" "$tree/$name"
	install -m 644 LICENSE README.md REFERENCE.md "$out/sbom.json" "$tree/$name"
	install -m 644 "$out"/sysroot/share/licences/* "$tree/$name/licences"
	tar -C "$tree" --sort=name --mtime="@$time" --owner=0 --group=0 --numeric-owner \
		--mode=go-w -cf - "$name" | gzip -9n >"build/dist/$name.tar.gz"
	rm -rf "$tree"
	install -m 755 "$out/spinup" "build/dist/$name"
	(cd build/dist && sha256sum "$name" "$name.tar.gz" | tee "$name.sha256")
	release_json >build/dist/release.json
}

#: set-up [GROUP...]  install what is missing: build, dev, cross, lint, test, bench (default: all)
cmd_set-up() {
	local group groups=("$@")
	[ ${#groups[@]} -gt 0 ] || groups=(build dev cross lint test bench)
	for group in "${groups[@]}"; do need "$group"; done
	[[ ! " ${groups[*]} " =~ \ test\  ]] || need_go
	say "set-up: everything for ${groups[*]} is here"
}

#: clean  remove what was built from our own sources; the libraries stay (rm -r build removes all)
cmd_clean() {
	rm -rf build/{,aarch64/}{spinup,release,static-tests} build/dev-gcc build/dev-clang build/fuzz build/lint \
		build/dist
}

#: help  this list
cmd_help() {
	echo "usage: ./build.sh [COMMAND]    (without a command: build)"
	sed -n 's/^#: //p' "$0" | awk -F '  ' '{ printf "  %-22s %s\n", $1, $2 }' | fold -s -w 100 |
		sed '/^  [a-z]/!s/^/                         /'
}

# ---- what the commands share

# For another machine than this one, Debian's cross compiler builds, in a folder of its own.
set_target() {
	[ "$1" != "$machine" ] || return 0
	[ "$1" = aarch64 ] || die "--target takes aarch64, not '$1'"
	export TARGET=$1
	out=build/$1 machine=$1
}

# What actions/release.json says once this release is published. The other machine's binary counts where it
# lies in build/dist too: `dist` made it there, or for that target.
release_json() {
	local repository=https://github.com/tinyland-inc/spinup min_agent arch
	min_agent=$(sed -n 's/^  "min_agent": "\(.*\)",$/\1/p' actions/release.json)
	printf '{\n  "version": "%s",\n  "min_agent": "%s",\n' "$(version)" "$min_agent"
	printf '  "url": "%s/releases/download/v%s",\n  "sha256": {\n' "$repository" "$(version)"
	for arch in x86_64 aarch64; do
		printf '    "%s": "%s"%s\n' $arch "$(dist_digest $arch)" "$([ $arch = aarch64 ] || echo ,)"
	done
	printf '  }\n}\n'
}

dist_digest() { sha256sum "build/dist/spinup-$(version)-$1-linux" 2>/dev/null | cut -d' ' -f1; }

version() { sed -n 's/^#define SPINUP_VERSION "\(.*\)"/\1/p' agent/version.h; }

# The files of a folder with this ending, without it.
names() { find "$1" -maxdepth 1 -name "*.$2" -printf '%f\n' 2>/dev/null | sed "s/\.$2\$//" | sort; }

# stdout is left to what a command shows, such as `run`.
compile() { make --no-print-directory -j"$jobs" "$@" >&2; }

# Runs the unit tests' programs of one compiler; what they say is shown in full, theirs last.
run_units() {
	local compiler=$1 test name failed=()
	shift
	step "unit tests, $compiler, address and undefined-behaviour sanitizers"
	for test in tests/unit/test_*.c; do
		name=$(basename "$test" .c)
		[ $# -eq 0 ] || [[ " $* " =~ \ (test_)?${name#test_}\  ]] || continue
		run_one "build/dev-$compiler/unit/$name" || failed+=("$name")
	done
	[ ${#failed[@]} -eq 0 ] || { say "FAILED with $compiler: ${failed[*]}"; return 1; }
}

# One test program: a line when it passes, everything it said when it does not.
run_one() {
	local status=0 log=$1.log
	ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1} UBSAN_OPTIONS=print_stacktrace=1 \
		timeout 120 "${emulator[@]}" "$1" >"$log" 2>&1 || status=$?
	if [ $status -eq 0 ]; then
		say "ok    $(basename "$1")  $(grep -aoE '\[  PASSED  \].*' "$log" | cut -c13- || true)"
	else
		cat "$log" >&2
		say "FAIL  $(basename "$1")  (status $status)"
	fi
	return $status
}

fuzz_targets() { names tests/fuzz c | grep -vx fuzz; }

# The seeds of a format are its fixtures; fixtures/fuzz has those of formats that no other test reads.
fuzz_one() {
	local name=$1 seeds=() folder
	shift
	for folder in "fixtures/$name" "fixtures/fuzz/$name"; do
		[ ! -d "$folder" ] || seeds+=("$folder")
	done
	[ ${#seeds[@]} -gt 0 ] || die "fuzz: $name has no seeds below fixtures/"
	mkdir -p "build/fuzz/corpus/$name"
	"build/fuzz/bin/$name" -artifact_prefix="build/fuzz/$name-" -timeout=10 -rss_limit_mb=1024 \
		"$@" "build/fuzz/corpus/$name" "${seeds[@]}"
}

# Every seed, what earlier runs found, and some thousands of inputs more.
fuzz_briefly() {
	local target status=0
	step "fuzz targets"
	compile fuzzers
	for target in $(fuzz_targets); do
		fuzz_one "$target" -runs=5000 >"build/fuzz/$target.log" 2>&1 || {
			say "FAIL  $target"
			tail -n 40 "build/fuzz/$target.log" >&2
			status=1
		}
	done
	return $status
}

prepare_lab() {
	need test
	need_go
	compile lab-tools
	"$(find_python)" tests/lab/lab.py images
}

# The machine's python3 where it has what the tests need, else Debian's.
find_python() {
	local python
	for python in python3 /usr/bin/python3; do
		! "$python" -c 'import jsonschema, pytest, yaml' 2>/dev/null || { echo "$python"; return; }
	done
	die "no python3 with pytest, jsonschema and yaml: install python3-pytest, python3-jsonschema and python3-yaml"
}

# ---- what is installed

# The Debian packages of a group; the lab names its own in tests/lab/packages.txt.
group_packages() {
	case $1 in
	build) echo gcc libc6-dev make dpkg-dev perl xz-utils linux-libc-dev debian-archive-keyring libvulkan-dev ;;
	dev) echo gcc libc6-dev make clang "$(clang_runtime)" libcurl4-openssl-dev libssl-dev libarchive-dev \
		libcjson-dev libseccomp-dev libcmocka-dev ;;
	lint) group_packages dev; echo clang-tidy clang-format cppcheck shellcheck python3-yaml ;;
	cross) group_packages build; echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user ;;
	test) group_packages build; group_packages dev; sed 's/#.*//' tests/lab/packages.txt
		(find_python) >/dev/null 2>&1 || echo python3-pytest python3-jsonschema python3-yaml ;;
	bench) echo valgrind cpu-checker libvirt-clients ;;
	*) die "set-up knows no group $1" ;;
	esac
}

# The sanitizers' runtime is a package of clang's version, which no package depends on.
clang_runtime() {
	local major
	major=$(clang -dumpversion 2>/dev/null | cut -d. -f1) ||
		major=$(apt-cache depends clang 2>/dev/null | sed -nE 's/.*Depends: clang-([0-9]+)$/\1/p' | head -n 1)
	[ -z "$major" ] || echo "libclang-rt-$major-dev"
}

# Installs what a group lacks: with apt as root or by sudo, otherwise it names the packages.
need() {
	local missing packages
	command -v apt-get dpkg-query >/dev/null ||
		die "this needs Debian or one of its derivatives (apt); elsewhere use \`nix build\`"
	packages=$(group_packages "$1" | tr -s '[:space:]' '\n' | sort -u)
	mapfile -t missing < <(comm -23 <(echo "$packages") <(installed "$packages"))
	[ ${#missing[@]} -gt 0 ] || return 0
	may_install || die "missing packages: apt-get install ${missing[*]}"
	say "set-up: installing ${missing[*]}"
	apt_install "${missing[@]}" || die "apt could not install: ${missing[*]} (build/set-up.log)"
}

installed() {
	# shellcheck disable=SC2086 # one name a word
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' $1 2>/dev/null | sed -n 's/^installed //p' | sort -u
}

may_install() { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }

# Lists of packages can be missing or old: they are read again only where the first try fails.
apt_install() {
	local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends)
	[ "$(id -u)" -eq 0 ] || apt=(sudo -n "${apt[@]}")
	mkdir -p build
	"${apt[@]}" install "$@" >build/set-up.log 2>&1 && return
	"${apt[@]}" update >>build/set-up.log 2>&1 || true
	"${apt[@]}" install "$@" >>build/set-up.log 2>&1
}

# The lab builds its programs in Go (tests/lab/go_programs.py) with any Go from 1.21 on.
need_go() {
	{ [ -e build/go/bin/bazel-remote ] && [ -e build/go/bin/act ]; } || has_go || { install_go && has_go; } ||
		die "the tests need Go 1.21 or newer (go.dev/dl): the lab's Bazel cache and act are built with it"
}

has_go() {
	local go
	for go in go /usr/local/go/bin/go; do
		[[ $("$go" env GOVERSION 2>/dev/null) =~ ^go1\.([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 21 ] && return
	done
	return 1
}

# apt's Go, its backports' too, where that is new enough.
install_go() {
	local from minor
	may_install || return 1
	for from in "" "$(. /etc/os-release && echo "$VERSION_CODENAME")-backports"; do
		minor=$(apt-cache ${from:+-t "$from"} policy golang-go 2>/dev/null |
			sed -nE 's/.*Candidate: 2:1\.([0-9]+).*/\1/p')
		[ "${minor:-0}" -ge 21 ] || continue
		say "set-up: installing golang-go ${from:+from $from}"
		apt_install ${from:+-t "$from"} golang-go && return
	done
	return 1
}

command=${1:-build}
[ $# -eq 0 ] || shift
case $command in
-h | --help) command=help ;;
esac
declare -F "cmd_$command" >/dev/null || die "no command $command; ./build.sh help lists them"
"cmd_$command" "$@"
