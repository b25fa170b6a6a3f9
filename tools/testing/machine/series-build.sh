#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Compile drivers/iommu and drivers/vfio after each step of build/series, warnings as errors.
# Usage: series-build.sh x86|arm64 [FIRST]    stops at the first failure; FIRST: the number of
#        the first step to compile, those before are only applied. 'series.sh --build' calls it
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
work=$top/build/series-build
arch=$1
first=${2:-1}
out=$work/$arch
. "$here/arch.sh"

# A tree of its own, from the tarball: each run starts at the base.
rm -rf "$work"
mkdir -p "$work/tree" "$out"
# Another make may write the series anew meanwhile.
cp -a "$top/build/series" "$work/series"
base=$(cd "$here" && python3 -c 'import tree; print(tree.base_tarball())')
echo "series: unpacking $base"
tar -xf "$base" -C "$work/tree" --strip-components=1
# Else git apply takes paths from the top of the repository around it.
export GIT_CEILING_DIRECTORIES="$work"

fragments=
for name in common "$arch" perf check "check-$arch" iommufd; do
	fragments="$fragments $here/config/$name.config"
done

# Options that a later step brings cannot stick yet; at the end all have to.
configure() {
	# shellcheck disable=SC2086,SC2154 # one word a file; arch.sh sets cross
	"$here/kconfig.sh" "$out" -C "$work/tree" "ARCH=$arch" "CROSS_COMPILE=$cross" -- \
		$fragments >"$out.config.log" 2>&1
}

build() {
	# shellcheck disable=SC2154
	make -C "$work/tree" O="$out" ARCH="$arch" CROSS_COMPILE="$cross" CC="$cc" \
		-s -j"${JOBS:-$(nproc)}" "$@"
}

total=$(find "$work/series" -name '*.patch' | wc -l)
number=0
for patch in "$work"/series/*.patch; do
	number=$((number + 1))
	began=$(date +%s)
	log=$work/$number.log
	status=0
	cd "$work/tree"
	if [ "$number" -lt "$first" ]; then
		git apply --whitespace=nowarn "$patch"
		continue
	fi
	{
		git apply --whitespace=nowarn "$patch" &&
			{ configure || [ "$number" -lt "$total" ]; } &&
			build prepare &&
			build W=1 KCFLAGS=-Werror drivers/iommu/ drivers/vfio/
	} >"$log" 2>&1 || status=$?
	printf '[%d/%d] %s %s  %ds  ' "$number" "$total" "$arch" \
		"$(basename "$patch" .patch)" $(($(date +%s) - began))
	if [ "$status" != 0 ]; then
		echo "failed, log: $log"
		tail -n 30 "$log"
		cat "$out.config.log"
		exit 1
	fi
	echo ok
done
find "$out/drivers/iommu/iommufd" -name '*.o' | grep -q . ||
	{ echo "series: no object of iommufd was built"; exit 1; }
rm -rf "$work"
echo "series: each step from $first to $total compiles on $arch"
