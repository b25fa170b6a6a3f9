#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Pack programs that use VFIO and /dev/iommu, as Debian has them: QEMU with a guest, DPDK.
# Usage: users.sh KIND    into build/users.cpio; the guest is the kernel of x86-KIND
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
built=$top/build/x86-$1
dpdk=$top/build/deps/dpdk
qemu=$(readlink -f "$("$here/qemu-bin.sh" x86)")

root=$(mktemp -d "$top/build/users.XXXXXX")
trap 'rm -rf "$root"' EXIT
trap 'exit 1' INT TERM HUP
chmod 755 "$root"
mkdir -p "$root/users/firmware" "$root/tests"

# libraries FILE...: what they are linked with, to where the loader looks first
libraries() {
	for file in "$@"; do
		ldd "$file" | grep -q "not found" && { ldd "$file"; exit 1; } >&2
		ldd "$file" | grep -o '/[^ ]*' | while read -r library; do
			case $library in
			"$dpdk"/*) to=$root/lib/x86_64-linux-gnu/${library##*/} ;;
			*) to=$root$library ;;
			esac
			mkdir -p "${to%/*}"
			[ -e "$to" ] || cp -L "$library" "$to"
		done
	done
}

pack() {
	find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0
}

# ---- QEMU, and a guest with nothing but edu-dma ----

cp "$qemu" "$root/users/qemu-system-x86_64"
libraries "$qemu"
for name in bios-256k.bin linuxboot_dma.bin kvmvapic.bin; do
	for dir in "${qemu%/*}/../share/qemu" "${qemu%/*}/pc-bios" \
		   /usr/share/qemu /usr/share/seabios; do
		[ ! -f "$dir/$name" ] || { cp -L "$dir/$name" "$root/users/firmware"; break; }
	done
	[ -f "$root/users/firmware/$name" ] || { echo "users: no $name of QEMU" >&2; exit 1; }
done
cp "$built/$(cat "$built/.built")" "$root/users/kernel"
mkdir -p "$root/guest/bin" "$root/guest/proc" "$root/guest/sys" "$root/guest/dev"
cp "$top/build/deps/busybox-x86" "$root/guest/bin/busybox"
cp "$built/programs/bin/edu-dma" "$root/guest/bin"
cp "$here/users/init" "$root/guest/init"
(cd "$root/guest" && pack >"$root/users/initrd")
rm -r "$root/guest"

# ---- DPDK: testpmd, and the drivers that it loads from a directory of its own ----

lib=$dpdk/usr/lib/x86_64-linux-gnu
drivers=$(cd "$lib" && echo dpdk/pmds-*)
export LD_LIBRARY_PATH="$lib:$lib/$drivers"
cp "$dpdk/usr/bin/dpdk-testpmd" "$root/users"
mkdir -p "$root/usr/lib/x86_64-linux-gnu/$drivers" "$root/lib/x86_64-linux-gnu"
libraries "$dpdk/usr/bin/dpdk-testpmd"
for driver in "$lib/$drivers"/librte_net_e1000.so.*.* "$lib/$drivers"/librte_mempool_ring.so.*.* \
	      "$lib/$drivers"/librte_bus_pci.so.*.*; do
	name=${driver##*/}
	libraries "$driver"
	# A library of testpmd's own must not be loaded twice.
	[ -e "$root/lib/x86_64-linux-gnu/${name%.*}" ] ||
		cp "$driver" "$root/lib/x86_64-linux-gnu/${name%.*}"
	ln -s "/lib/x86_64-linux-gnu/${name%.*}" \
		"$root/usr/lib/x86_64-linux-gnu/$drivers/$name"
done

cp "$here/users/common" "$root/users"
for way in cdev group container; do
	cp "$here/users/qemu" "$root/tests/qemu-$way"
done
for way in group container; do
	cp "$here/users/testpmd" "$root/tests/testpmd-$way"
done
(cd "$root" && pack >"$top/build/users.cpio.new")
mv "$top/build/users.cpio.new" "$top/build/users.cpio"
echo "users: $(wc -c <"$top/build/users.cpio") bytes"
