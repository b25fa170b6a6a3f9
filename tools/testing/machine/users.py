#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run programs as Debian has them on the devices of the x86 machine: QEMU, DPDK.
Usage: users.py KIND    the last line: N passed, N failed, N skipped; see users/"""
import os
import signal
import sys

import boot
import test

PROGRAMS = ["testpmd-group", "testpmd-container", "qemu-cdev", "qemu-group", "qemu-container"]

# Two network cards on one cable.
CARDS = []
for number in (0, 1):
    CARDS += ["-netdev", "hubport,id=net%d,hubid=0" % number,
              "-device", "e1000e,netdev=net%d,bus=pcie.0,addr=0x%x" % (number, 0xa + number)]


def main():
    """Entry."""
    setting = {"memory": "3G", "words": CARDS,
               "archives": [os.path.join(boot.BUILD, "users.cpio")]}
    total = test.run_machine("x86", sys.argv[1], ("users", "", setting), PROGRAMS)
    print(total.summary())
    return 1 if total.failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
