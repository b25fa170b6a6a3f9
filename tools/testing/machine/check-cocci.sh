#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Run the kernel's semantic patches, in report mode, over our C files and those we patch.
# Usage: check-cocci.sh OUT    OUT: a configured x86 build; reports go to stdout
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
out=$1
copies=$top/build/check/cocci
# shellcheck disable=SC2034 # for arch.sh
arch=x86
. "$here/arch.sh"

# coccicheck takes one directory: one with these files and no others.
rm -rf "$copies"
mkdir -p "$copies"
cd "$top/build/tree"
{
	"$here/tree.py" --list
	"$here/pristine.py" --patched
} | grep '^\(drivers\|include\)/.*\.[ch]$' | while read -r file; do
	cp --parents -L "$file" "$copies"
done

for semantic in $(find scripts/coccinelle -name '*.cocci' | sort); do
	# Two of them are written in OCaml: one knows a single driver only, the
	# other looks for 0 where NULL is meant, which sparse does too.
	if grep -q script:ocaml "$semantic" && ! command -v ocamlopt >/dev/null; then
		echo "without OCaml, not run: $semantic"
		continue
	fi
	kbuild "$out" -s coccicheck MODE=report COCCI="$top/build/tree/$semantic" \
		M="$copies" </dev/null
done
