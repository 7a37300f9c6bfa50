# How spinup is compiled and linked, and nothing else. ./build.sh makes the libraries first.
# SPDX-License-Identifier: Zlib
#
#   make                      build/spinup: one static musl binary (from the libraries in build/sysroot)
#   make dev-gcc dev-clang    build/dev-*/spinup: the machine's libraries, sanitizers, -Werror
#   make unit-gcc unit-clang  build/dev-*/unit/NAME for each tests/unit/NAME.c called test_*.c
#   make static-tests         build/static-tests/NAME for each tests/static/NAME.c, linked like spinup
#   make lab-tools            build/lab/bin/NAME for each tests/lab/NAME.c: small static programs
#   make fuzzers              build/fuzz/bin/NAME for each tests/fuzz/NAME.c (clang's libFuzzer)
#   make build/vulkan-helper  the dynamic program of probes/vulkan/, which spinup carries inside
#   make build/aarch64/spinup and its like: what a cross compiler makes for that machine, with its
#                             libraries in build/aarch64/sysroot

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := build/spinup

sysroot := build/sysroot
STRIP ?= strip
cc-helper ?= $(CC)
machine := $(firstword $(subst -, ,$(shell $(cc-helper) -dumpmachine)))
units := $(wildcard tests/unit/test_*.c)

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wformat=2 -Wvla -Wundef -Wpointer-arith -Wwrite-strings -Wimplicit-fallthrough
# gcc's -Wpedantic cannot tell the GNU extensions that we use from others; clang's can.
# A copy that a buffer bounds is meant to be cut there, so gcc need not tell of each.
warnings-gcc := $(warnings) -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wno-format-truncation
warnings-clang := $(warnings) -Wpedantic -Wno-gnu
common := -std=gnu17 -D_GNU_SOURCE -I. -MMD -MP
hardened := -fstack-protector-strong -fno-common -fPIE

cc-release := $(sysroot)/bin/musl-gcc
cflags-release := $(common) $(warnings-gcc) -O2 -g $(hardened) \
	-ffunction-sections -fdata-sections
# Position-independent for address randomisation; RELR packs the 18,000 relocations that this brings, where
# the linker can (binutils 2.40 cannot for aarch64, and warns).
ldflags-static := -static-pie -Wl,--gc-sections,-z,noexecstack
relr-x86_64 := -Wl,-z,pack-relative-relocs
ldflags-release = $(ldflags-static) $(relr-$(machine))
libs-release := -lcurl -lnghttp2 -lssl -lcrypto -larchive -lzstd -llzma -lz -lcjson -lseccomp

# The same for aarch64, by Debian's cross compiler. What is compiled for it alone is compiled nowhere else, so
# no warning passes here; and unit tests take <cmocka.h> from tests/aarch64.
cross := aarch64-linux-gnu-
cc-aarch64/release := build/aarch64/sysroot/bin/musl-gcc
cflags-aarch64/release := $(cflags-release) -Werror -Itests/aarch64
ldflags-aarch64/release := $(ldflags-static) $(relr-aarch64)
libs-aarch64/release := $(libs-release)
ar-aarch64/release := $(cross)ar
helper-aarch64/release := build/aarch64/vulkan-helper
objects-tests-aarch64/release := build/aarch64/release/tests/aarch64/kernel.o
ldflags-tests-aarch64/release := -Wl,--wrap=syscall

sanitizers := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
libs-machine := -lcurl -lssl -lcrypto -larchive -lcjson -lseccomp

cc-dev-gcc := gcc
cflags-dev-gcc := $(common) $(warnings-gcc) -Werror -O1 -g $(hardened) $(sanitizers)
ldflags-dev-gcc := $(sanitizers)
libs-dev-gcc := $(libs-machine)
cmocka-dev-gcc := -lcmocka

cc-dev-clang := clang
cflags-dev-clang := $(common) $(warnings-clang) -Werror -O1 -g $(hardened) $(sanitizers)
ldflags-dev-clang := $(sanitizers)
libs-dev-clang := $(libs-machine)
cmocka-dev-clang := -lcmocka

cc-fuzz := clang
cflags-fuzz := $(common) -Wno-gnu -O1 -g $(sanitizers) -fsanitize=fuzzer-no-link
ldflags-fuzz := $(sanitizers) -fsanitize=fuzzer
libs-fuzz := $(libs-machine)

ifeq ($(V),)
say = @echo "  $(1) $@";
endif

# $(call flavour,NAME): every source compiled into build/NAME, all but main packed into parts.a.
# Objects are made again when the flags or a library changed. agent/*.S embeds files such as the
# contract, probes/*.S the Vulkan helper. Each source of ours sees agent/banned.h first; tests may hand literals to char *argv[].
sources := $(wildcard agent/*.c probes/*.c)
embeds := $(wildcard agent/*.S probes/*.S)
parts := $(filter-out agent/main.o,$(sources:.c=.o) $(embeds:.S=.o))
inputs-release := $(wildcard $(sysroot)/.built/*)
inputs-aarch64/release := $(wildcard build/aarch64/sysroot/.built/*)

extra-agent := -include agent/banned.h
extra-probes := $(extra-agent)
extra-tests := -Wno-write-strings

define flavour
helper-$(1) ?= build/vulkan-helper

build/$(1)/%.o: %.c Makefile $$(inputs-$(1))
	@mkdir -p $$(@D)
	$$(call say,CC) $$(cc-$(1)) $$(cflags-$(1)) $$(extra-$$(firstword $$(subst /, ,$$<))) \
		-c -o $$@ $$<

build/$(1)/%.o: %.S Makefile $$(wildcard agent/*.json)
	@mkdir -p $$(@D)
	$$(call say,AS) $$(cc-$(1)) -I. -DVULKAN_HELPER='"$$(helper-$(1))"' -c -o $$@ $$<

build/$(1)/probes/vulkan_helper.o: $$(helper-$(1))

build/$(1)/parts.a: $$(parts:%=build/$(1)/%)
	@rm -f $$@
	$$(call say,AR) $$(or $$(ar-$(1)),ar) rcs $$@ $$^

build/$(1)/spinup: build/$(1)/agent/main.o $$(parts:%=build/$(1)/%)
	$$(call say,LD) $$(cc-$(1)) $$(ldflags-$(1)) -o $$@ $$^ $$(libs-$(1))

-include $$(shell find build/$(1) -name '*.d' 2>/dev/null)
endef
$(foreach f,release aarch64/release dev-gcc dev-clang fuzz,$(eval $(call flavour,$(f))))

# The Vulkan helper runs beside whatever C library the driver brings, so it is linked with none: with
# stubs that carry the names and the oldest versions of the few functions that it takes (stub.c).
cc-helper-aarch64 := $(cross)gcc
cflags-helper := -std=gnu17 -I. -MMD -MP $(warnings-gcc) -Werror -Os -fPIE -ffreestanding \
	-fno-builtin -fno-stack-protector -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns \
	-fvisibility=hidden -ffunction-sections -fdata-sections
ldflags-helper := -nostdlib -pie -Wl,--gc-sections,-z,now,-z,noexecstack,-z,noseparate-code \
	-Wl,--hash-style=both,--build-id=none,--no-as-needed -s
# What glibc of an architecture began with, and where its dynamic loader is.
oldest-x86_64 := GLIBC_2.2.5
oldest-aarch64 := GLIBC_2.17
loader-x86_64 := /lib64/ld-linux-x86-64.so.2
loader-aarch64 := /lib/ld-linux-aarch64.so.1

# $(call helper,DIR,COMPILER,MACHINE): DIR/vulkan-helper
define helper
$(1)/helper/libc.so.6: stub-names := __libc_start_main;
$(1)/helper/libdl.so.2: stub-names := dladdr; dlerror; dlopen; dlsym;
$(1)/helper/libdl.so.2: stub-flags := -DSTUB_LIBDL
$(1)/helper/libc.so.6 $(1)/helper/libdl.so.2: probes/vulkan/stub.c Makefile
	@mkdir -p $$(@D)
	@printf '%s { global: %s };\n' $(oldest-$(3)) '$$(stub-names)' >$$@.map
	$$(call say,LD) $$($(2)) -shared -fPIC -nostdlib -w $$(stub-flags) -Wl,-soname,$$(@F) \
		-Wl,--version-script=$$@.map -o $$@ $$<

$(1)/helper/%.o: probes/vulkan/%.c Makefile
	@mkdir -p $$(@D)
	$$(call say,CC) $$($(2)) $$(cflags-helper) -c -o $$@ $$<

$(1)/helper/%.o: probes/vulkan/%.S Makefile
	@mkdir -p $$(@D)
	$$(call say,AS) $$($(2)) -c -o $$@ $$<

$(1)/vulkan-helper: $$(patsubst %,$(1)/helper/%.o,start main devices compute say) \
		$(1)/helper/libc.so.6 $(1)/helper/libdl.so.2
	$$(call say,LD) $$($(2)) $$(ldflags-helper) -Wl,--dynamic-linker=$(loader-$(3)) -o $$@ $$^

-include $$(wildcard $(1)/helper/*.d)
endef
$(eval $(call helper,build,cc-helper,$(machine)))
$(eval $(call helper,build/aarch64,cc-helper-aarch64,aarch64))

build/spinup: build/release/spinup
	$(call say,STRIP) $(STRIP) -o $@ $<

build/aarch64/spinup: build/aarch64/release/spinup
	$(call say,STRIP) $(cross)strip -o $@ $<

dev-gcc: build/dev-gcc/spinup
dev-clang: build/dev-clang/spinup

# A file in tests/unit that is no test itself is linked with all of them.
helpers := $(filter-out $(units),$(wildcard tests/unit/*.c))
define unit
build/$(1)/unit/%: build/$(1)/tests/unit/%.o $$(helpers:%.c=build/$(1)/%.o) $$(objects-tests-$(1)) build/$(1)/parts.a
	@mkdir -p $$(@D)
	$$(call say,LD) $$(cc-$(1)) $$(ldflags-$(1)) $$(ldflags-tests-$(1)) -o $$@ $$^ $$(cmocka-$(1)) $$(libs-$(1))
unit-$(1:dev-%=%): $$(units:tests/unit/%.c=build/$(1)/unit/%)
endef
$(foreach f,dev-gcc dev-clang aarch64/release,$(eval $(call unit,$(f))))

define static
build/$(1)static-tests/%: build/$(1)release/tests/static/%.o build/$(1)release/parts.a \
		$$(objects-tests-$(1)release)
	@mkdir -p $$(@D)
	$$(call say,LD) $$(cc-$(1)release) $$(ldflags-$(1)release) $$(ldflags-tests-$(1)release) -o $$@ $$^ $$(libs-$(1)release)
endef
$(eval $(call static,))
$(eval $(call static,aarch64/))
static-tests: $(patsubst tests/static/%.c,build/static-tests/%,$(wildcard tests/static/*.c))

build/lab/bin/%: build/release/tests/lab/%.o
	@mkdir -p $(@D)
	$(call say,LD) $(cc-release) -static -s -Wl,--gc-sections -o $@ $^ -lseccomp
# What programs of the lab's images load, so it is no static program and has no musl.
build/lab/drivers/libvulkan.so.1: tests/lab/drivers/fake_vulkan.c Makefile
	@mkdir -p $(@D)
	$(call say,LD) $(cc-helper) -std=c17 -D_DEFAULT_SOURCE $(warnings-gcc) -Werror -O1 -shared -fPIC \
		-fvisibility=hidden -Wl,-soname,$(@F) -o $@ $<

lab-tools: build/lab/drivers/libvulkan.so.1 $(patsubst tests/lab/%.c,build/lab/bin/%,$(wildcard tests/lab/*.c))

# spinup for qemu-user, which lacks what it asks the kernel for (tests/aarch64/kernel.c).
build/aarch64/emulated: build/aarch64/release/agent/main.o $(parts:%=build/aarch64/release/%) \
		$(objects-tests-aarch64/release)
	$(call say,LD) $(cc-aarch64/release) $(ldflags-aarch64/release) $(ldflags-tests-aarch64/release) -o $@ $^ \
		$(libs-aarch64/release)

# A plugin of qemu-user that judges what the emulated program calls by the filters that it loads. qemu from
# version 8 on refuses version 1 of its interface, older ones know no other.
build/aarch64/filters.so: tests/aarch64/filters.c Makefile
	@mkdir -p $(@D)
	$(call say,LD) $(CC) $(common) $(warnings-gcc) -Werror -O2 -shared -fPIC -fvisibility=hidden \
		-DPLUGIN_VERSION=$(if $(shell qemu-aarch64 -version | grep 'version [1-7]\.'),1,2) -o $@ $<

build/fuzz/bin/%: build/fuzz/tests/fuzz/%.o build/fuzz/tests/fuzz/fuzz.o build/fuzz/parts.a
	@mkdir -p $(@D)
	$(call say,LD) $(cc-fuzz) $(ldflags-fuzz) -o $@ $^ $(libs-fuzz)
fuzzers: $(patsubst tests/fuzz/%.c,build/fuzz/bin/%,$(filter-out %/fuzz.c,$(wildcard tests/fuzz/*.c)))

.PHONY: dev-gcc dev-clang unit-gcc unit-clang static-tests lab-tools fuzzers
