#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Check patches, style, types, documentation and the series; says what, how long, which log.
# Usage: check.sh [STEP...]    all steps, or these; 'check.sh --list' names them
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
build=$top/build
out=$build/check
tree=$build/tree
shared=$top/../shared

steps="tree patches series maintainers scripts runner tools abi originality checkpatch
	kernel-doc w1-x86 w1-arm64 off-x86 modules-x86 modules-arm64 sparse-x86 sparse-arm64
	coccicheck"

# A step that cannot be done says why and ends with this status.
skip() {
	echo "$*"
	exit 77
}

ours() {
	"$here/tree.py" --list
}

# Base, patches and links are what everything below looks at.
step_tree() {
	"$here/deps.sh" machine check
	"$here/tree.py"
	"$here/pristine.py"
}

# Each patch applies to the base with no fuzz, and none lies about unused.
step_patches() {
	work=$out/patches
	rm -rf "$work"
	cp -a "$build/pristine" "$work"
	(cd "$work" && QUILT_PATCHES=$top/patches \
		quilt --quiltrc - push --fuzz=0 -a) | tee "$out/patches.said"
	! grep -i fuzz "$out/patches.said"
	[ -z "$(find "$work" -name '*.rej' -print)" ]
	for file in "$top"/patches/*.patch; do
		grep -qx "$(basename "$file")" "$top/patches/series" ||
			{ echo "$file is not in patches/series"; exit 1; }
		for line in '^From: .* <.*>$' '^Subject: \[PATCH\] ' '^Signed-off-by: '; do
			grep -q "$line" "$file" || { echo "$file has no line $line"; exit 1; }
		done
	done
	"$here/pristine.py" --patched | while read -r file; do
		[ ! -e "$work/$file" ] || cmp "$work/$file" "$tree/$file"
	done
}

step_series() {
	"$here/series.py"
	"$here/series.py" --am
}

# All sections here; those that go into the kernel's file in that kernel's self-test,
# in a repository that has what the test takes a kernel tree by.
step_maintainers() {
	"$here/check-maintainers.py"
	view=$out/maintainers
	rm -rf "$view"
	cp -a "$build/series.work.am" "$view"
	cd "$view"
	for entry in "$tree"/*; do
		[ -e "$(basename "$entry")" ] || ln -s "$entry" .
	done
	cp "$tree/scripts/get_maintainer.pl" "$out"
	"$here/series.py" --maintainers | tee MAINTAINERS
	for test in sections patterns; do
		perl "$out/get_maintainer.pl" --self-test=$test 2>&1 | tee "$out/maintainers.said"
		! grep MAINTAINERS: "$out/maintainers.said"
	done
}

# Python compiles, shell parses; with shellcheck, what it warns about.
step_scripts() {
	cd "$top"
	find .ci tools Documentation -type f 2>/dev/null | while read -r file; do
		case $(head -n 1 "$file" | tr -d '\0') in
		*python3) echo "$file" >&3 ;;
		'#!'*/sh*) echo "$file" ;;
		esac
	done 3>"$out/scripts.py" >"$out/scripts.sh"
	xargs python3 -m py_compile <"$out/scripts.py"
	while read -r file; do
		sh -n "$file"
	done <"$out/scripts.sh"
	wc -l "$out/scripts.py" "$out/scripts.sh"
	if command -v shellcheck >/dev/null; then
		# Variables cross files by arch.sh; test -nt is in the shells that there are.
		xargs shellcheck -S warning -e SC2034,SC2154,SC3013 <"$out/scripts.sh"
	else
		echo "no shellcheck here: parsed only"
	fi
}

# What must fail a run does fail it.
step_runner() {
	"$here/selftest.py"
}

# iommuctl compiles without a warning for both, and its tests pass here.
step_tools() {
	for arch in arm64 x86; do
		configure "$arch" "$arch" common "$arch" iommufd test check "check-$arch"
		kbuild "$dir" -s headers
		rm -rf "$out/tools"
		make -C "$top/tools/iommu" OUTPUT="$out/tools" CC="$cc" CFLAGS="-O2 -Werror" \
			KHDR_INCLUDES="-isystem $dir/usr/include" all
	done
	make -C "$top/tools/iommu" OUTPUT="$out/tools" CC="$cc" CFLAGS="-O2 -Werror" \
		KHDR_INCLUDES="-isystem $dir/usr/include" check
}

# The tables that the ABI tests read are those that were agreed on.
step_abi() {
	[ -d "$shared/abi" ] || skip "no ../shared/abi here to compare the tables with"
	for table in iommufd vfio; do
		cmp "$top/tools/testing/selftests/iommu/abi/$table.tsv" "$shared/abi/$table.tsv"
	done
}

step_originality() {
	[ -x "$shared/tools/originality" ] || skip "no ../shared/tools/originality here"
	cd "$top"
	"$shared/tools/originality" drivers include/linux tools \
		--against "$build/pristine/drivers/iommu" "$build/pristine/drivers/vfio"
}

# Our files as they are; the patches; and the messages that come with our files.
step_checkpatch() {
	cd "$tree"
	rm -rf "$out/messages"
	mkdir -p "$out/messages"
	for message in "$top"/patches/files/*.msg; do
		sed '/^---$/q' "$message" >"$out/messages/$(basename "$message")"
	done
	# Types that nothing is asked about, and those accepted in one file.
	ignore=$(awk -F'\t' '!/^#/ && $2 == "*" { print $1 }' "$here/check-ignore" | paste -sd,)
	awk -F'\t' '!/^#/ && NF > 2 && $2 != "*" { print "^" $2 ":[0-9]*: [A-Z]*:" $1 ":" }' \
		"$here/check-ignore" >"$out/checkpatch.accepted"
	{
		ours
		(cd "$top" && find tools/testing/machine -name '*.[ch]') | sed 's,^,../../,'
	} >"$out/checkpatch.files"
	set -- perl scripts/checkpatch.pl --strict --show-types --no-summary --terse
	# Of a clean file it says nothing.
	{
		xargs "$@" --ignore "$ignore" -f <"$out/checkpatch.files" || :
		{ "$@" --ignore "$ignore" "$top"/patches/*.patch || :; } | sed "s,^$top/,,"
		"$@" --ignore "$ignore,NOT_UNIFIED_DIFF" "$out"/messages/* || :
	} >"$out/checkpatch.said" 2>&1
	! grep -v -f "$out/checkpatch.accepted" "$out/checkpatch.said"
}

# No warning in the comments there are, and a comment on each symbol we export.
step_kernel_doc() {
	cd "$tree"
	{
		ours
		"$here/pristine.py" --patched
	} | grep '^\(drivers\|include\)/.*\.[ch]$' >"$out/kernel-doc.files"
	status=0
	ours | grep '^\(drivers\|include\)/.*\.[ch]$' |
		xargs perl scripts/kernel-doc -none -Werror >/dev/null 2>&1 || status=1
	xargs perl scripts/kernel-doc -none <"$out/kernel-doc.files" >"$out/kernel-doc.said" 2>&1
	(cd "$build/pristine" && "$here/pristine.py" --patched | grep '^\(drivers\|include\)/.*\.[ch]$' |
		xargs perl "$tree/scripts/kernel-doc" -none) >"$out/kernel-doc.base" 2>&1 || :
	"$here/check-warnings.py" --base "$out/kernel-doc.base" "$out/kernel-doc.said" || status=1
	for file in $(ours | grep '^drivers/.*\.c$'); do
		sed -n 's/^EXPORT_SYMBOL[A-Z_]*(\([a-z0-9_]*\).*/\1/p' "$file" | while read -r name; do
			grep -q "^ \* $name\(()\)\? - " "$file" ||
				echo "$file: exported $name has no kernel-doc"
		done
	done >"$out/kernel-doc.none"
	cat "$out/kernel-doc.none"
	[ ! -s "$out/kernel-doc.none" ] || status=1
	exit $status
}

# configure ARCH NAME FRAGMENT...: a build directory for objects only
configure() {
	arch=$1
	dir=$out/$2
	shift 2
	. "$here/arch.sh"
	fragments=
	for name in "$@"; do
		fragments="$fragments $here/config/$name.config"
	done
	mkdir -p "$dir"
	# shellcheck disable=SC2086,SC2154 # one word a file; arch.sh sets cross
	"$here/kconfig.sh" "$dir" -C "$tree" "ARCH=$arch" "CROSS_COMPILE=$cross" -- $fragments
	kbuild "$dir" -s prepare
}

# The directories we work in, and what else our patches touch.
# What only configurations and architectures have that are not here is left out.
objects() {
	elsewhere='^drivers/gpu/\|^drivers/s390/'
	[ "$arch" = arm64 ] ||
		elsewhere="$elsewhere\|^drivers/acpi/arm64/\|^drivers/irqchip/irq-gic"
	echo drivers/iommu/ drivers/vfio/
	"$here/pristine.py" --patched | grep '\.c$' |
		grep -v '^drivers/iommu/\|^drivers/vfio/\|^arch/\|^tools/' |
		grep -v "$elsewhere" | sed 's/c$/o/'
}

# compile LOG ARGUMENTS...: everything anew, so that each warning is in the log
compile() {
	log=$1
	shift
	rm -rf "$dir/drivers/iommu" "$dir/drivers/vfio"
	# shellcheck disable=SC2046 # one word an object
	kbuild "$dir" -s -k "$@" $(objects) >"$log" 2>&1 || { cat "$log"; exit 1; }
}

w1() {
	configure "$1" "$1" common "$1" iommufd test check "check-$1"
	compile "$out/w1-$1.said" W=1
	"$here/check-warnings.py" "$out/w1-$1.said"
	grep -c . "$out/w1-$1.said" || :
	find "$dir/drivers/iommu" "$dir/drivers/vfio" -name '*.o' | wc -l
}

step_w1_x86() { w1 x86; }
step_w1_arm64() { w1 arm64; }

# With the options off, the base as patched builds as before.
step_off_x86() {
	configure x86 off-x86 common x86 perf check check-x86
	! grep '^CONFIG_\(IOMMUFD\|VFIO_DEVICE_CDEV\)=' "$dir/.config"
	compile "$out/off-x86.said" W=1
	"$here/check-warnings.py" "$out/off-x86.said"
}

# As modules: whatever they need of the kernel is exported.
# modules ARCH FRAGMENT...: FRAGMENT names what only that architecture has as a module
modules() {
	name=$1
	shift
	configure "$name" "modules-$name" common "$name" iommufd perf check-module "$@"
	compile "$out/modules-$name.said" W=1
	"$here/check-warnings.py" "$out/modules-$name.said"
	"$here/check-exports.py" "$dir" "$arch"
}

step_modules_x86() { modules x86; }
step_modules_arm64() { modules arm64 check-module-arm64; }

sparse() {
	[ -f "$out/$1/drivers/iommu/iommu.o" ] || w1 "$1"
	dir=$out/$1
	arch=$1
	. "$here/arch.sh"
	# shellcheck disable=SC2046
	kbuild "$dir" -s -k W=1 C=2 $(objects) >"$out/sparse-$1.said" 2>&1 ||
		{ cat "$out/sparse-$1.said"; exit 1; }
	"$here/check-warnings.py" "$out/sparse-$1.said"
}

step_sparse_x86() { sparse x86; }
step_sparse_arm64() { sparse arm64; }

step_coccicheck() {
	[ -f "$out/x86/.config" ] || w1 x86
	"$here/check-cocci.sh" "$out/x86" >"$out/coccicheck.said" 2>&1 ||
		{ tail -n 30 "$out/coccicheck.said"; exit 1; }
	grep '^without OCaml' "$out/coccicheck.said" || :
	"$here/check-warnings.py" --every-message "$out/coccicheck.said"
}

clock() {
	printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# Each step is a process of its own, so that set -e holds in it.
run_step() {
	log=$build/log/check-$1.log
	began=$(date +%s)
	status=0
	[ ! -t 1 ] || printf '[%d/%d] %s ...  %s\r' "$number" "$total" "$1" "${log#"$top"/}"
	"$0" --step "$1" >"$log" 2>&1 </dev/null || status=$?
	case $status in
	0) result=ok passed=$((passed + 1)) ;;
	77) result="skipped: $(tail -n 1 "$log")" skipped=$((skipped + 1)) ;;
	*) result=failed failed=$((failed + 1)) ;;
	esac
	[ ! -t 1 ] || printf '\033[K'
	printf '[%d/%d] %s %s  %s  %s\n' "$number" "$total" "$1" \
		"$(clock $(($(date +%s) - began)))" "${log#"$top"/}" "$result"
	case $result in failed) tail -n 40 "$log" | sed 's/^/    /' ;; esac
}

case ${1:-} in
--list)
	echo $steps
	exit 0
	;;
--step)
	[ "${V:-}" != 1 ] || set -x
	"step_$(echo "$2" | tr - _)"
	exit 0
	;;
esac

mkdir -p "$out" "$build/log"
# lock FD HOW: like steps.py, with which the file of fd 9 is shared
lock() {
	flock -n "$2" "$1" || { echo "waiting for another make in this directory"; flock "$2" "$1"; }
}

tree_is_fresh() {
	(cd "$here" && python3 -c 'import sys, tree; sys.exit(tree.stale())')
}

# One check at a time; and nobody changes the tree under it.
exec 8>"$build/.lock-check" 9>"$build/.lock"
lock 8 -x
lock 9 -s

# What is checked is the tree as it has to be now, whichever steps are asked for.
if [ $# = 0 ]; then
	set -- $steps
elif [ "$1" != tree ]; then
	set -- tree "$@"
fi
number=0 total=$# passed=0 failed=0 skipped=0
for name in "$@"; do
	number=$((number + 1))
	[ "$name" != tree ] || tree_is_fresh || lock 9 -x
	run_step "$name"
	lock 9 -s
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
