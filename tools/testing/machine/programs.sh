#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Build the guest's static programs: the kselftests, iommuctl and the examples.
# Usage: programs.sh x86|arm64 KIND    into build/ARCH-KIND/programs, after kernel.sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
arch=$1
out=$top/build/$arch-$2
. "$here/arch.sh"

tests=$top/build/tree/tools/testing/selftests/iommu
examples=$top/tools/iommu/examples
headers=$out/usr/include
programs=$out/programs

# The tests' makefile does not know when a header of the kernel changes.
if [ ! -f "$programs/.built" ] || [ "$here/programs.sh" -nt "$programs/.built" ] ||
   [ -n "$(find "$headers" -newer "$programs/.built" -name '*.h' -print -quit)" ]; then
	rm -rf "$programs"
fi
mkdir -p "$programs/obj" "$programs/bin" "$programs/tests"

if [ -f "$tests/Makefile" ]; then
	make -C "$tests" -j"${JOBS:-$(nproc)}" OUTPUT="$programs/obj" CC="$cc" \
		ARCH="$arch" CROSS_COMPILE="$cross" KHDR_INCLUDES="-isystem $headers" \
		USERLDFLAGS=-static INSTALL_PATH="$programs/tests" all install
	make -s -C "$tests" OUTPUT="$programs/obj" CC="$cc" COLLECTION=iommu emit_tests |
		sed -n 's/^iommu://p' >"$programs/list"
else
	echo "programs: no kselftests in tools/testing/selftests/iommu"
	: >"$programs/list"
fi

# Another kernel's tests of /dev/iommu, as they are: what they say is a second opinion.
if [ -n "${MAINLINE:-}" ]; then
	for source in "$MAINLINE"/tools/testing/selftests/iommu/*.c; do
		[ -f "$source" ] || { echo "programs: no such tests in $MAINLINE"; exit 1; }
		program=mainline_$(basename "$source" .c)
		echo "  CC      $programs/tests/$program"
		# Newer ones give up capabilities, by Debian's libcap-dev
		libs=
		! grep -q '<sys/capability.h>' "$source" || libs=-lcap
		# shellcheck disable=SC2086 # words for the compiler
		$cc -O2 -w -static -D_GNU_SOURCE ${MAINLINE_CFLAGS:-} -isystem "$headers" \
			-I "$MAINLINE/tools/testing/selftests" \
			-o "$programs/tests/$program" "$source" $libs
		echo "$program" >>"$programs/list"
	done
fi

# iommuctl, which one of the tests runs
make -C "$top/tools/iommu" -j"${JOBS:-$(nproc)}" OUTPUT="$programs/tools" CC="$cc" \
	KHDR_INCLUDES="-isystem $headers" "$programs/tools/iommuctl"
cp "$programs/tools/iommuctl" "$programs/bin/"

# The examples, which may use what the tests have in lib/
lib=$programs/obj/lib.a
if [ ! -f "$lib" ] || [ -n "$(find "$programs/obj/lib" -newer "$lib" -name '*.o')" ]; then
	mkdir -p "$programs/obj/lib"
	rm -f "$lib"
	"${cross}ar" rc "$lib"
	find "$programs/obj/lib" -name '*.o' -exec "${cross}ar" rcs "$lib" {} +
fi
for source in "$examples"/*.c; do
	[ -f "$source" ] || continue
	program=$programs/bin/$(basename "$source" .c)
	[ "$program" -nt "$source" ] && [ "$program" -nt "$lib" ] && continue
	echo "  CC      $program"
	$cc -O2 -Wall -Wextra -static -isystem "$headers" -I"$tests/lib" -o "$program" \
		"$source" "$lib"
done
touch "$programs/.built"
