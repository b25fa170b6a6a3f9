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
import hot  # noqa: E402  pylint: disable=wrong-import-position
import plot  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position

# One emulated CPU that counts, on a host that may be busy, comes up slowly.
boot.UP_SECONDS = 600

# The clock counts instructions: one is a nanosecond. Nothing else may count.
COUNTING = ["-icount", "shift=0,sleep=off", "-smp", "1", "-seed", "1",
            "-rtc", "base=2026-01-01,clock=vm"]
CPU = {
    # Without the string instructions that copy any length as one instruction.
    "x86": "max,-erms,-fsrm",
    # A timer that counts nanoseconds.
    "arm64": "cortex-a76,cntfrq=1000000000",
}


def setting(arch, kind, size, profiled):
    """The machine to measure in."""
    bench = os.path.join(boot.BUILD, "%s-%s" % (arch, kind), "bench")
    files = ["iommu-bench", "module/iommufd-bench.ko"]
    words = COUNTING
    if profiled:
        words = words + ["-plugin", "%s,out=%s" % (os.path.join(bench, "profile.so"), profiled)]
    return boot.Setting(cpu=["-accel", "tcg,thread=single", "-cpu", CPU[arch]],
                        words=words, memory="%dM" % (size * 2 + 1024),
                        cmdline=" nokaslr norandmaps",
                        files=[os.path.join(bench, name) for name in files],
                        # Only there can the SMMU nest.
                        acpi=nests(arch, kind))


def nests(arch, kind):
    """True if there is an IOMMU that can nest, and is not the mock."""
    return arch == "arm64" and kind == "perf"


def command(arch, kind, size):
    """What the guest is to do; it also says where the module's functions are."""
    options = "-m" if kind == "mock" else "-n" if nests(arch, kind) else ""
    return "echo 0 >/proc/sys/vm/nr_hugepages; insmod /iommufd-bench.ko || exit; " \
           "sed -n 's/^\\(.*\\)\\t\\[iommufd_bench\\]/symbol\\t\\1/p' /proc/kallsyms; " \
           "/iommu-bench %s -s %d" % (options, size)


def main():
    """Entry."""
    arch, kind = sys.argv[1:]
    name = arch if kind == "perf" else "%s-%s" % (arch, kind)
    size = int(os.environ.get("SIZE") or 1024)
    directory = os.path.join(boot.BUILD, "bench")
    os.makedirs(directory, exist_ok=True)
    profiled = os.environ.get("PROFILE") and os.path.join(directory, name + ".profile")
    seconds = int(os.environ.get("TIMEOUT") or 1800)
    on_output = boot.show_output if os.environ.get("V") == "1" else lambda data: None
    outcome, logs = boot.run(arch, kind, command(arch, kind, size), seconds, "bench", on_output,
                             setting(arch, kind, size, profiled))
    outcome.show(logs)
    output = os.path.join(logs, "output.log")
    rows, results = report.load(output)
    if outcome.exit_status() or not results.complete:
        print("\n".join(boot.read_lines(output)[-20:]))
        print("bench: the run is not complete, see " + os.path.relpath(logs))
        return 1
    rows = report.measured(report.for_machine(rows, name), results)
    tables = report.text(rows, results)
    print(tables)
    with open(os.path.join(directory, name + ".txt"), "w", encoding="utf-8") as file:
        file.write(tables + "\n")
    functions = []
    if profiled:
        system_map = os.path.join(boot.BUILD, "%s-%s" % (arch, kind), "System.map")
        functions = hot.load(output, profiled, system_map, "ours")
        print("\n" + "\n".join(functions))
    page = plot.make(rows, results, directory, name, functions)
    print("\npictures and tables: " + os.path.relpath(page))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
