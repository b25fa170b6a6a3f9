#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Write patches/ and our files as numbered patches for git am, into build/series.
# Usage: series.sh [--build]    --build: compile after each step of it too, which takes
#        long; then, in a clean 6.1.y: git am .../build/series/*.patch
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
"$here/deps.sh" machine check
"$here/tree.py"
"$here/series.py"
if [ "${1:-}" = --build ]; then
	"$here/series-build.sh" x86
	"$here/series-build.sh" arm64
fi
echo "series: in a clean 6.1.y: git am $top/build/series/*.patch"
