#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Build HTML of our pages, with their kernel-doc, into build/docs; warnings fail it.
# Usage: docs.sh    open build/docs/index.html
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
tree=$top/build/tree
work=$top/build/docs.work

"$here/deps.sh" machine docs
"$here/tree.py"

# A source directory of our pages alone, beside an index made of their names.
rm -rf "$work/src"
mkdir -p "$work/src"
cd "$top"
pages=$(find Documentation -name '*.rst' | sort)
[ -n "$pages" ] || { echo "docs: no page in Documentation/" >&2; exit 1; }
{
	printf 'The iommufd series\n==================\n\n.. toctree::\n   :maxdepth: 2\n\n'
	for page in $pages; do
		page=${page#Documentation/}
		mkdir -p "$work/src/$(dirname "$page")"
		ln -s "$top/Documentation/$page" "$work/src/$page"
		echo "   ${page%.rst}"
	done
} >"$work/src/index.rst"

# Settings, extensions and kernel-doc are the kernel's own. It is Debian's Python
# that has Sphinx, whatever comes first in PATH.
sphinx=$(command -v /usr/bin/sphinx-build || command -v sphinx-build)
cd "$work"
rm -rf html
srctree=$tree PYTHONDONTWRITEBYTECODE=1 "$sphinx" -q -W --keep-going -b html \
	-c "$tree/Documentation" -d "$work/doctrees" -D version=6.1 -D release=6.1 \
	-D extensions=kerneldoc,automarkup,rstFlatTable,kernel_include \
	-D kerneldoc_srctree="$tree" -D kerneldoc_bin="$tree/scripts/kernel-doc" \
	src html >sphinx.log 2>&1 || status=$?
cat sphinx.log >&2
# What kernel-doc says goes past Sphinx, and -W does not see it.
if [ "${status:-0}" != 0 ] || grep -q 'warning:' sphinx.log; then
	echo "docs: there are warnings, see above" >&2
	exit 1
fi
rm -rf "$top/build/docs"
mv html "$top/build/docs"
echo "docs: build/docs/index.html"
