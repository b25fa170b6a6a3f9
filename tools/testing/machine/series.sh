#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Write patches/ and our files as numbered patches for git am, into build/series.
# Usage: [BUILD=1 [ARCH=x86|arm64]] series.sh    BUILD: compile after each step of it too;
#        then, in a clean 6.1.y: git am .../build/series/*.patch
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
"$here/deps.sh" machine check
"$here/tree.py"
"$here/series.py"
if [ -n "${BUILD:-}" ]; then
	"$here/series-build.sh"
fi
echo "series: in a clean 6.1.y: git am $top/build/series/*.patch"
