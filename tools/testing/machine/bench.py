#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Count the instructions of mapping memory for a device, and show them beside the goals.
Usage: bench.py x86|arm64 perf|mock    fails only if something broke, never for being slow
Takes SIZE, PROFILE from the environment; see 'make help'."""
import os
import signal
import sys

import boot

TOP = os.path.dirname(boot.BUILD)
SOURCE = os.path.join(TOP, "tools/iommu/bench")
sys.path.insert(0, SOURCE)
import report  # noqa: E402  pylint: disable=wrong-import-position

# The clock counts instructions: one is a nanosecond. Nothing else may count.
COUNTING = ["-icount", "shift=0,sleep=off", "-smp", "1", "-seed", "1",
            "-rtc", "base=2026-01-01,clock=vm"]
CPU = {
    # Without the string instructions that copy any length as one instruction.
    "x86": "max,-erms,-fsrm",
    # A timer that counts nanoseconds.
    "arm64": "cortex-a76,cntfrq=1000000000",
}


def setting(arch, kind, size):
    """The machine to measure in."""
    bench = os.path.join(boot.BUILD, "%s-%s" % (arch, kind), "bench")
    files = ["iommu-bench", "module/iommufd-bench.ko"]
    return boot.Setting(cpu=["-accel", "tcg,thread=single", "-cpu", CPU[arch]],
                        words=COUNTING, memory="%dM" % (size * 2 + 1024),
                        cmdline=" nokaslr norandmaps",
                        files=[os.path.join(bench, name) for name in files])


def main():
    """Entry."""
    arch, kind = sys.argv[1:]
    size = int(os.environ.get("SIZE") or 1024)
    command = "echo 0 >/proc/sys/vm/nr_hugepages; insmod /iommufd-bench.ko && " \
              "/iommu-bench %s -s %d" % ("-m" if kind == "mock" else "", size)
    seconds = int(os.environ.get("TIMEOUT") or 1800)
    on_output = boot.show_output if os.environ.get("V") == "1" else lambda data: None
    outcome, logs = boot.run(arch, kind, command, seconds, "bench", on_output,
                             setting(arch, kind, size))
    outcome.show(logs)
    output = os.path.join(logs, "output.log")
    rows, results = report.load(output)
    if outcome.exit_status() or not results.complete:
        print("\n".join(boot.read_lines(output)[-20:]))
        print("bench: the run is not complete, see " + os.path.relpath(logs))
        return 1
    print(report.text(rows, results))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
