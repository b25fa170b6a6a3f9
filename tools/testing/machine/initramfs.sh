#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Pack the guest's root: busybox, init, the static programs.
# Usage: initramfs.sh x86|arm64 KIND    into build/ARCH-KIND/initramfs, after programs.sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
out=$top/build/$1-$2
busybox=$top/build/deps/busybox-$1

if [ -f "$out/initramfs" ] &&
   [ -z "$(find "$out/programs" "$here/guest" "$here/initramfs.sh" "$busybox" \
	   -newer "$out/initramfs" -print -quit)" ]; then
	echo "initramfs: $1 $2 is up to date"
	exit 0
fi

root=$(mktemp -d "$out/root.XXXXXX")
trap 'rm -rf "$root"' EXIT
# mktemp keeps others out, but this becomes / and not all tests are root
chmod 755 "$root"
trap 'exit 1' INT TERM HUP
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp" "$root/run" \
	"$root/root" "$root/tests"
cp "$busybox" "$root/bin/busybox"
cp "$here"/guest/* "$root/bin/"
mv "$root/bin/init" "$root/init"
cp -a "$out/programs/bin/." "$root/bin/"
cp -a "$out/programs/tests/." "$root/tests/"
cp "$out/programs/list" "$root/tests/.list"
(cd "$root" && find . | LC_ALL=C sort |
	cpio --quiet -o -H newc -R 0:0 >"$out/initramfs.new")
mv "$out/initramfs.new" "$out/initramfs"
echo "initramfs: $(wc -c <"$out/initramfs") bytes"
