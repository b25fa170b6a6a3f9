#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Install what Debian has and this machine lacks; silent and free when all is there.
# Usage: deps.sh [GROUP...]    groups: machine (the default), check, docs, bench, users
#        deps.sh --remove      takes the apt list file and the downloads away again
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
store=$top/build/deps
list=/etc/apt/sources.list.d/iommufd-backports.list
source_tar=/usr/src/linux-source-6.1.tar.xz

machine="build-essential flex bison bc cpio perl python3 quilt rsync xz-utils gzip
	libelf-dev libssl-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	qemu-efi-aarch64"
check="git sparse coccinelle groff-base"
docs="python3-sphinx"
bench="gnuplot-nox"

say() {
	echo "deps: $*"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		say "must be root to run: $*" >&2
		exit 1
	fi
}

have_package() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# apt with lists and cache of its own, so that a foreign package can be fetched
# without adding a foreign architecture to the system.
apt_for() {
	apt_arch=$1
	shift
	mkdir -p "$store/apt/lists/partial" "$store/apt/cache/archives/partial"
	apt-get -q -o APT::Architecture="$apt_arch" -o APT::Architectures="$apt_arch" \
		-o Dir::State="$store/apt" -o Dir::State::status=/dev/null \
		-o Dir::Cache="$store/apt/cache" -o APT::Sandbox::User=root "$@"
}

update_once() {
	[ -z "${updated:-}" ] || return 0
	say "refreshing apt's package lists"
	as_root apt-get -q update
	updated=1
}

install() {
	say "installing with apt: $*"
	update_once
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=600 --no-install-recommends install "$@"
}

install_packages() {
	missing=
	for package in "$@"; do
		have_package "$package" || missing="$missing $package"
	done
	# shellcheck disable=SC2086 # one word a package
	[ -z "$missing" ] || install $missing
}

add_backports() {
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ "$release" = bookworm ] && [ ! -e "$list" ] || return 0
	say "adding $list (QEMU 10 is in bookworm-backports; 'make undeps' removes it)"
	entry="deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
	entry="$entry http://deb.debian.org/debian bookworm-backports main"
	echo "$entry" | as_root tee "$list" >/dev/null
	updated=
}

install_qemu() {
	"$here/qemu-bin.sh" x86 >/dev/null 2>&1 &&
		"$here/qemu-bin.sh" arm64 >/dev/null 2>&1 && return 0
	if [ -n "${QEMU:-}" ]; then
		"$here/qemu-bin.sh" x86 >/dev/null
		"$here/qemu-bin.sh" arm64 >/dev/null
	fi
	add_backports
	if [ -e "$list" ]; then
		install -t bookworm-backports qemu-system-x86 qemu-system-arm
	else
		install qemu-system-x86 qemu-system-arm
	fi
	"$here/qemu-bin.sh" x86 >/dev/null
	"$here/qemu-bin.sh" arm64 >/dev/null
}

# The guests' busybox is unpacked under build/, never installed.
fetch_busybox() {
	debian_arch=$1
	target=$store/busybox-$2
	[ ! -x "$target" ] || return 0
	say "fetching busybox-static:$debian_arch into $store"
	apt_for "$debian_arch" update
	work=$(mktemp -d "$store/work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
	(cd "$work" && apt_for "$debian_arch" download busybox-static)
	dpkg-deb -x "$work"/busybox-static_*.deb "$work/root"
	mv "$work/root/bin/busybox" "$target"
	rm -rf "$work" "$store/apt"
}

# DPDK is unpacked under build/ too, with the libraries that it wants: dpdk-dev has
# testpmd, and depends on all drivers. The C library is that of this machine.
fetch_dpdk() {
	target=$store/dpdk
	[ ! -d "$target" ] || return 0
	say "fetching DPDK's testpmd and its libraries into $store"
	apt_for amd64 update
	work=$(mktemp -d "$store/work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' INT TERM HUP
	packages=$(apt_for amd64 --simulate --no-install-recommends install dpdk-dev |
		awk '$1 == "Inst" && ($2 == "dpdk-dev" ||
		     $2 ~ /^(lib|ibverbs)/ && $2 !~ /^lib(c6|gcc|stdc|crypt)|-dev$/) { print $2 }')
	# shellcheck disable=SC2086 # one word a package
	(cd "$work" && apt_for amd64 download $packages)
	for package in "$work"/*.deb; do
		dpkg-deb -x "$package" "$work/root"
	done
	mv "$work/root" "$target"
	rm -rf "$work" "$store/apt"
}

group_machine() {
	# shellcheck disable=SC2086
	install_packages $machine
	if [ -n "${BASE:-}" ]; then
		[ -f "$BASE" ] || { say "BASE=$BASE is not a file" >&2; exit 1; }
	elif [ ! -f "$source_tar" ]; then
		install linux-source-6.1
	fi
	install_qemu
	mkdir -p "$store"
	fetch_busybox amd64 x86
	fetch_busybox arm64 arm64
}

remove() {
	if [ -e "$list" ]; then
		as_root rm -f "$list"
		say "removed $list; the packages stay installed, apt-get update forgets the list"
	fi
	rm -rf "$store"
	say "removed $store"
}

# Somewhere else than on Debian nothing is installed: name what must be there.
foreign() {
	missing=
	for tool in gcc make flex bison bc cpio perl python3 quilt rsync xz gzip \
		    aarch64-linux-gnu-gcc; do
		command -v "$tool" >/dev/null || missing="$missing $tool"
	done
	[ -x "$store/busybox-x86" ] || missing="$missing build/deps/busybox-x86"
	[ -x "$store/busybox-arm64" ] || missing="$missing build/deps/busybox-arm64"
	[ -f "${BASE:-$source_tar}" ] || missing="$missing BASE=linux-6.1.y.tar.xz"
	"$here/qemu-bin.sh" x86 >/dev/null
	"$here/qemu-bin.sh" arm64 >/dev/null
	[ -z "$missing" ] && exit 0
	say "this is not Debian; please provide:$missing" >&2
	exit 1
}

if [ "${1:-}" = --remove ]; then
	remove
	exit 0
fi
command -v dpkg-query >/dev/null || foreign
for group in "${@:-machine}"; do
	# shellcheck disable=SC2086 # one word a package
	case $group in
	machine) group_machine ;;
	check) install_packages $check ;;
	docs) install_packages $docs ;;
	bench) install_packages $bench ;;
	users) mkdir -p "$store"; fetch_dpdk ;;
	*) say "unknown group $group" >&2; exit 2 ;;
	esac
done
