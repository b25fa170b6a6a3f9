#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Compile a file for series-build.sh; only parse it if but a header of it changed.
# Usage: SERIES_TOUCHED=list SERIES_TREE=dir series-cc.sh COMPILER ARGUMENT...
#        without a list, and what is no file of the tree or has no object, is compiled
set -eu

object='' last=''
for arg; do
	[ "$last" != -o ] || object=$arg
	last=$arg
done
case $last in
"$SERIES_TREE"/*.c) file=${last#"$SERIES_TREE"/} ;;
../tree/*.c) file=${last#../tree/} ;;
*) exec "$@" ;;
esac
if [ ! -f "$SERIES_TOUCHED" ] || [ ! -s "$object" ] || grep -qxF "$file" "$SERIES_TOUCHED"; then
	exec "$@"
fi
[ "$1" != ccache ] || shift
"$@" -fsyntax-only
touch "$object"
