#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Make a kernel's .config from fragments on allnoconfig; fail if an option did not stick.
# Usage: kconfig.sh OUT MAKE-ARGUMENTS... -- FRAGMENT...
set -eu

out=$1
shift
make_args=
while [ "$1" != -- ]; do
	make_args="$make_args $1"
	shift
done
shift

mkdir -p "$out"
cat "$@" >"$out/.fragments"
# shellcheck disable=SC2086 # one word an argument
KCONFIG_ALLCONFIG="$out/.fragments" make -s $make_args O="$out" allnoconfig

# A symbol asked for as "is not set" may as well be absent from .config.
awk -v fragments="$out/.fragments" '
	/^# CONFIG_.* is not set$/ { have[$2] = "n"; next }
	/^CONFIG_/ {
		at = index($0, "=")
		have[substr($0, 1, at - 1)] = substr($0, at + 1)
	}
	END {
		while ((getline line <fragments) > 0) {
			if (line ~ /^# CONFIG_.* is not set$/) {
				split(line, word, " ")
				name = word[2]
				want = "n"
			} else if (line ~ /^CONFIG_/) {
				at = index(line, "=")
				name = substr(line, 1, at - 1)
				want = substr(line, at + 1)
			} else
				continue
			asked[name] = want
		}
		for (name in asked) {
			got = name in have ? have[name] : "n"
			if (got == asked[name])
				continue
			print "kconfig: " name ": asked " asked[name] ", got " got
			bad = 1
		}
		exit bad
	}' "$out/.config" >&2
