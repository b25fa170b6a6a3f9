# SPDX-License-Identifier: GPL-2.0-only
# What differs between the machines when something is built for them.
# Usage: arch=x86|arm64; . arch.sh    sets cross, image, cc, kbuild; needs $top
case $arch in
x86)
	cross=
	image=arch/x86/boot/bzImage
	;;
arm64)
	cross=aarch64-linux-gnu-
	image=arch/arm64/boot/Image
	;;
*)
	echo "unknown ARCH=$arch: x86 or arm64" >&2
	exit 2
	;;
esac

cc=${cross}gcc
if command -v ccache >/dev/null; then
	cc="ccache $cc"
	# Let a clone elsewhere find what this one compiled.
	export CCACHE_BASEDIR="$top" CCACHE_NOHASHDIR=1
fi

# One name and date for each build, or each would relink for them alone.
export KBUILD_BUILD_USER=iommufd KBUILD_BUILD_HOST=machine
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970'

# kbuild OUT ARGUMENTS...: make in the kernel tree for this architecture
kbuild() {
	kbuild_out=$1
	shift
	make -C "$top/build/tree" O="$kbuild_out" ARCH="$arch" CROSS_COMPILE="$cross" \
		CC="$cc" -j"${JOBS:-$(nproc)}" V="${V:-0}" "$@"
}
