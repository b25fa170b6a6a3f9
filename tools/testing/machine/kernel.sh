#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Build the kernel and the user headers of build/tree; a moment if nothing changed.
# Usage: kernel.sh x86|arm64 perf|mock|test|kasan    into build/ARCH-KIND
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
arch=$1
kind=$2
out=$top/build/$arch-$kind
. "$here/arch.sh"

fragments=
kinds=$kind
[ "$kind" != mock ] || kinds="perf mock"
for name in common "$arch" iommufd $kinds; do
	fragments="$fragments $here/config/$name.config"
	[ ! -f "$here/config/$arch-$name.config" ] ||
		fragments="$fragments $here/config/$arch-$name.config"
done
[ -f "$here/config/$kind.config" ] || { echo "unknown KIND=$kind" >&2; exit 2; }

# What the build depends on beside files of the tree.
setting() {
	# shellcheck disable=SC2086 # one word a file
	cat $fragments "$here/arch.sh" "$here/kernel.sh" "$here/kconfig.sh"
	$cc --version
}

# True if a file or a directory of the tree is younger than the last build.
tree_changed() {
	[ -n "$(find -L "$top/build/tree" -name .pc -prune -o \
		-newer "$out/.started" -print -quit 2>/dev/null)" ]
}

mkdir -p "$out"
setting >"$out/.setting.new"
if [ -f "$out/.built" ] && cmp -s "$out/.setting.new" "$out/.setting" && ! tree_changed; then
	rm "$out/.setting.new"
	echo "kernel: $arch $kind is up to date"
	exit 0
fi
rm -f "$out/.built"
mv "$out/.setting.new" "$out/.setting"
touch "$out/.started"

# shellcheck disable=SC2086
"$here/kconfig.sh" "$out" -C "$top/build/tree" "ARCH=$arch" "CROSS_COMPILE=$cross" \
	-- $fragments
kbuild "$out" "$(basename "$image")" headers
echo "$image" >"$out/.built"
