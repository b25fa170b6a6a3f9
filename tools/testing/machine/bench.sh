#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Build the benchmark of tools/iommu/bench: the guest's program and module.
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
$cc -O2 -Wall -Wextra -static -isystem "$out/usr/include" -o "$bench/iommu-bench" "$source"/*.c

# Kbuild writes beside the sources, so it gets copies of them.
for file in "$source"/module/*; do
	cmp -s "$file" "$bench/module/$(basename "$file")" || cp "$file" "$bench/module"
done
# The list of what the kernel exports comes with its modules, though it has none.
[ "$out/Module.symvers" -nt "$out/vmlinux" ] || kbuild "$out" modules
kbuild "$out" M="$bench/module" modules
