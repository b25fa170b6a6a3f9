#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Build the benchmark of tools/iommu/bench: the guest's program and module, QEMU's plugin.
# Usage: bench.sh x86|arm64 KIND    into build/ARCH-KIND/bench, after kernel.sh
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
arch=$1
out=$top/build/$arch-$2
source=$top/tools/iommu/bench
bench=$out/bench
. "$here/arch.sh"

mkdir -p "$bench/module"
programs=
for file in clock device floor main memory nested ours smmu type1; do
	programs="$programs $source/$file.c"
done
# The guest that the tests have, and its device.
for file in edu guest iommufd memory vfio; do
	programs="$programs $top/tools/testing/selftests/iommu/lib/$file.c"
done
# shellcheck disable=SC2086 # one word a file
$cc -D_GNU_SOURCE -O2 -Wall -Wextra -static -isystem "$out/usr/include" -o "$bench/iommu-bench" $programs
# This one is loaded by QEMU, on the host.
gcc -O2 -Wall -Wextra -shared -fPIC -o "$bench/profile.so" "$source/profile.c"

# Kbuild writes beside the sources, so it gets copies of them.
for file in "$source"/module/*; do
	cmp -s "$file" "$bench/module/$(basename "$file")" || cp "$file" "$bench/module"
done
# The list of what the kernel exports comes with its modules, though it has none.
[ "$out/Module.symvers" -nt "$out/vmlinux" ] || kbuild "$out" modules
kbuild "$out" M="$bench/module" modules
