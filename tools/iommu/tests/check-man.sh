#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The man page has no error of form, and tells of each option and command of --help.
# Usage: check-man.sh PAGE PROGRAM
set -eu

page=$1
program=$2

if command -v groff >/dev/null; then
	said=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
	[ -z "$said" ] || { echo "$said"; exit 1; }
fi
if command -v mandoc >/dev/null; then
	mandoc -T lint -W warning "$page"
fi
command -v groff >/dev/null || command -v mandoc >/dev/null ||
	echo "no groff and no mandoc here: the page is compared with --help only"

plain=$(sed 's/\\-/-/g' "$page")
words=$("$program" --help | sed -n -e 's/^  \(-.\), \(--[a-z]*\).*/\1 \2/p' \
	-e 's/^  \([a-z][a-z]*\) .*/\1/p')
for word in $words; do
	echo "$plain" | grep -qw -e "$word" || { echo "$page says nothing of $word"; exit 1; }
done
echo "man page: $(echo "$words" | wc -w) words of --help are there"
