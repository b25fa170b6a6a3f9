#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Print the path of a QEMU for the machine; fail if there is none of 10.0 or newer.
# Usage: [QEMU=program-or-directory] qemu-bin.sh x86|arm64
set -eu

case $1 in
x86) name=qemu-system-x86_64 ;;
arm64) name=qemu-system-aarch64 ;;
*) echo "qemu-bin: unknown machine $1" >&2; exit 2 ;;
esac

# QEMU= names a directory, or one of the programs in it.
if [ -d "${QEMU:-}" ]; then
	bin=$QEMU/$name
elif [ -n "${QEMU:-}" ]; then
	bin=$(dirname "$QEMU")/$name
else
	bin=$(command -v "$name") || bin=$name
fi
version=$("$bin" --version 2>/dev/null |
	sed -n 's/^QEMU emulator version \([0-9]*\)\..*/\1/p') || version=
if [ "${version:-0}" -lt 10 ]; then
	echo "qemu-bin: $bin: need QEMU 10.0 or newer, found ${version:-none}" >&2
	exit 1
fi
echo "$bin"
