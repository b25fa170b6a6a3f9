#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Compile what the series touches after each of its steps, warnings as errors.
# Usage: [ARCH=x86|arm64] [FIRST=n] series-build.sh    from step n on, after 'series.sh'; goes
#        on behind one that fails; passes by what an earlier run compiled. By 'make series BUILD=1'
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
work=$top/build/series-build
tree=$work/tree
arches=${ARCH:-x86 arm64}
configs="perf mock check iommufd series"

mkdir -p "$work/passed"
exec 9>"$work/.lock"
flock -n 9 || { echo "series: another one is at work in $work"; exit 1; }
# Another make may write the series anew meanwhile.
rm -rf "$work/series"
cp -a "$top/build/series" "$work/series"

# git with nothing of the user's, and without the work that a scratch tree need not have
in_tree() {
	GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null git -C "$tree" \
		-c core.compression=0 -c gc.auto=0 -c user.name=series -c user.email=series "$@"
}

# The base is a commit: going back to it writes only the files that differ, so make
# compiles what depends on them and nothing else.
python_tree() {
	(cd "$here" && python3 -c "import tree; print($1)")
}
identity=$(python_tree 'tree.base_identity(tree.base_tarball())')
if [ "$(cat "$work/base" 2>/dev/null || :)" != "$identity" ]; then
	base=$(python_tree 'tree.base_tarball()')
	echo "series: unpacking $base"
	rm -rf "$work/base" "$work/passed" "$tree"
	mkdir -p "$work/passed" "$tree"
	tar -xf "$base" -C "$tree" --strip-components=1
	in_tree init -q
	in_tree add -A -f
	in_tree commit -q -m base
	echo "$identity" >"$work/base"
fi
in_tree reset -q --hard
in_tree clean -q -f -d -x

# use ARCH: what depends on it
use() {
	arch=$1
	out=$work/$arch
	. "$here/arch.sh"
	fragments=
	for config in common "$arch" $configs "check-$arch"; do
		fragments="$fragments $here/config/$config.config"
	done
	mkdir -p "$out"
}

build() {
	# shellcheck disable=SC2154 # arch.sh sets cross and cc
	make -C "$tree" O="$out" ARCH="$arch" CROSS_COMPILE="$cross" \
		CC="$here/series-cc.sh $cc" objtool-enabled= \
		-s -j"${JOBS:-$(nproc)}" "$@"
}

# What an architecture's build depends on, of all that the series changes
content() {
	case $arch in
	x86) other='arch/arm64/\|drivers/iommu/arm/' ;;
	arm64) other='arch/x86/\|drivers/iommu/intel/' ;;
	esac
	in_tree diff --cached --name-only HEAD | grep -v "^Documentation/\|^tools/\|^MAINTAINERS$" |
		grep -v "^\($other\).*[.][ch]$" | "$here/series-key.py" "$tree"
}

# Files that differ from what was compiled last: series-cc.sh parses the others that include
# them. Where an option may have changed, all are compiled that depend on it. Objects of a run
# before this one may be of later steps: undefined() would take them for this one's.
list_touched() {
	export SERIES_TOUCHED="$out/.touched" SERIES_TREE="$tree"
	before=$(cat "$out/.compiled" 2>/dev/null || :)
	rm -f "$out/.compiled" "$out/.touched"
	if [ -z "$before" ]; then
		rm -rf "$out/drivers/iommu" "$out/drivers/vfio"
		return 0
	fi
	in_tree diff --name-only "$before" "$files" >"$out/.touched"
	! grep -q Kconfig "$out/.touched" || rm "$out/.touched"
}

# Objects of the base that the series touches, beside those of IOMMU and VFIO. What other
# architectures and options have is left out, as in check.sh.
elsewhere() {
	echo samples/
	git apply --numstat "$work"/series/*.patch | cut -f 3 | sort -u |
		grep '\.c$' | grep -v '^drivers/iommu/\|^drivers/vfio/\|^arch/\|^tools/\|^samples/' |
		grep -v '^drivers/gpu/\|^drivers/s390/' | while read -r file; do
		case $arch:$file in x86:drivers/acpi/arm64/* | x86:drivers/irqchip/irq-gic*) continue ;; esac
		[ ! -f "$tree/$file" ] || echo "${file%c}o"
	done
}

# Options that a later step brings cannot stick yet; at the end all have to.
compile() {
	# shellcheck disable=SC2086 # one word a file
	[ -f "$out/.config" ] && [ "$number" -lt "$total" ] ||
		"$here/kconfig.sh" "$out" -C "$tree" "ARCH=$arch" "CROSS_COMPILE=$cross" -- \
			$fragments || [ "$number" -lt "$total" ] || return 1
	# shellcheck disable=SC2046
	build KCFLAGS=-Werror drivers/iommu/ drivers/vfio/ $(elsewhere)
}

# What the objects of IOMMU and VFIO take from elsewhere, wherever that is
undefined() {
	find "$out/drivers/iommu" "$out/drivers/vfio" -name '*.o' -exec "${cross}nm" -A {} + |
		awk '
			$(NF - 1) == "U" { used[$NF] = 1; next }
			{ defined[$NF] = 1 }
			END { for (name in used) if (!(name in defined)) print name }' | sort
}

# A step was compiled before if what it has for this architecture, its options and the
# compiler are the same.
step() {
	log=$work/$arch-$number.log
	began=$(date +%s)
	printf '[%d/%d] %s %s  ' "$number" "$total" "$arch" "$name"
	# shellcheck disable=SC2086
	as=$arch-$({ cat $fragments "$here/series-cc.sh"; "${cross}gcc" --version; content; } |
		git hash-object --stdin)
	if [ -f "$work/passed/$as" ]; then
		echo "compiled before"
	elif list_touched && compile >"$log" 2>&1; then
		echo "$files" >"$out/.compiled"
		undefined >"$work/passed/$as"
		rm "$log"
		echo "$(($(date +%s) - began))s"
	else
		echo "$(($(date +%s) - began))s failed, log: ${log#"$top"/}"
		grep -i 'error:\|warning:\|kconfig:' "$log" | head -n 20
		failed=$((failed + 1))
		return 0
	fi
	echo "$name $work/passed/$as" >>"$work/$arch.steps"
}

# What is taken from elsewhere at a step, and defined there at the end, comes too late.
check_symbols() {
	[ -f "$work/$1.steps" ] || return 0
	use "$1"
	find "$out/drivers/iommu" "$out/drivers/vfio" -name '*.o' -exec "${cross}nm" -A {} + |
		awk '$(NF - 1) ~ /^[A-TV-Z]$/ { print $NF }' | sort -u >"$work/$1.defined"
	while read -r name list; do
		comm -12 "$list" "$work/$1.defined" |
			sed "s/.*/series: $1 $name: & is not there yet/"
	done <"$work/$1.steps"
}

total=$(find "$work/series" -name '*.patch' | wc -l)
first=${FIRST:-1}
number=0 failed=0
rm -f "$work"/*.log "$work"/*.steps "$work"/*/.config "$work"/*/.compiled
for patch in "$work"/series/*.patch; do
	number=$((number + 1))
	name=$(basename "$patch" .patch)
	in_tree apply --index --whitespace=nowarn "$patch"
	[ "$number" -ge "$first" ] || continue
	files=$(in_tree write-tree)
	for arch in $arches; do
		use "$arch"
		! grep -q '^+++ .*/Kconfig' "$patch" || rm -f "$out/.config"
		step
	done
done
for arch in $arches; do
	check_symbols "$arch"
done >"$work/symbols"
cat "$work/symbols"
[ ! -s "$work/symbols" ] && [ "$failed" = 0 ] || { echo "series: $failed failed"; exit 1; }
echo "series: each step from $first to $total compiles: $arches"
