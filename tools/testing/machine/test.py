#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run the kselftests in the machines and count their results.
Usage: test.py ARCH[,ARCH] KIND [PROGRAM...]    the last line: N passed, N failed, N skipped
A complaint of a guest's kernel is a failure of its own, whatever the programs said."""
import os
import re
import signal
import sys
import time

import boot
import judge
import ktap

BEGIN = re.compile(r"^@@ begin (\S+)$")
END = re.compile(r"^@@ end (\S+) (\d+)$")


# What some programs need of the machine: the name of the run, its words in the output,
# what boot.Setting() is told, and the programs.
OTHERS = (
    ("acpi", " with ACPI", {"acpi": True},
     ("nested_hw", "nested_hw_inval", "nested_hw_event", "nested_hw_run")),
    ("intremap", " without interrupt remapping", {"cmdline": " intremap=off"},
     ("unsafe_interrupts",)),
)
USUAL = ("test", "", {})


class Progress:
    """Splits the guest's output into programs, and tells of each as it ends."""

    def __init__(self):
        self.rest = ""
        self.name = None
        self.lines = []
        self.started = 0.0
        self.ended = []
        self.results = ktap.Results()

    def output(self, data):
        """Called with each piece of output."""
        if os.environ.get("V") == "1":
            boot.show_output(data)
        *lines, self.rest = (self.rest + data.decode(errors="replace")).split("\n")
        for line in lines:
            line = line.rstrip("\r")
            begin, end = BEGIN.match(line), END.match(line)
            if begin:
                self.name, self.lines = begin.group(1), []
                self.started = time.monotonic()
            elif end and self.name:
                self.end(int(end.group(2)))
            elif self.name:
                self.lines.append(line)

    def end(self, status):
        """The program under way ended; status None if the guest died with it."""
        results = ktap.parse(self.lines, status)
        print("  %-28s %s  (%.1f s)" % (self.name, results.summary(),
                                        time.monotonic() - self.started), flush=True)
        show(results)
        self.results.add(results)
        self.ended.append(self.name)
        self.name = None


def show(results):
    """The failed and the skipped ones, with why."""
    for name, why in results.failed:
        print("    FAILED %s" % name)
        for line in why.splitlines():
            print("      " + line)
    for name, why in results.skipped:
        print("    skipped %s: %s" % (name, why))
    sys.stdout.flush()


def kunit(log):
    """What the kernel's built-in tests reported in its log, if there are any."""
    lines = [judge.text(line) for line in log]
    parser = ktap.Parser()
    reading = False
    for line in lines:
        if line == "KTAP version 1":
            reading = True
        if reading:
            parser.feed(line)
    if not reading or not parser.levels[0].plan:
        return ktap.Results()
    return parser.finish()


def run_machine(arch, kind, machine, programs, first=True):
    """All programs in one machine, booted anew after one that killed it. The logs of
    its boots have its name and a number."""
    name, words, setting = machine
    total = ktap.Results()
    left = list(programs)
    seconds = int(os.environ.get("TIMEOUT") or 1200)
    print("%s%s, %s kernel: %d programs" % (arch, words, kind, len(left)), flush=True)
    number = 0
    while left:
        number += 1
        progress = Progress()
        outcome, logs = boot.run(arch, kind, "run-tests " + " ".join(left), seconds,
                                 "%s%d" % (name, number), progress.output,
                                 boot.Setting(**setting))
        if progress.name:
            progress.end(None)
        outcome.show(logs)
        if not progress.ended:
            outcome.problems.append("no program ran")
            left = []
        left = [one for one in left if one not in progress.ended]
        total.add(progress.results)
        built_in = kunit(outcome.log) if first and number == 1 else ktap.Results()
        if built_in.count():
            print("  %-28s %s" % ("built in (KUnit)", built_in.summary()))
            show(built_in)
            total.add(built_in)
        for report in outcome.reports:
            total.failed.append(("the kernel's log", report[0]))
        for problem in outcome.problems:
            total.failed.append(("the machine", problem))
        if outcome.status is None and left:
            print("machine: booting again for the %d programs left" % len(left))
    return total


def wanted(arch, kind, names):
    """The programs to run: those built, or the named ones among them."""
    out, _ = boot.built(arch, kind)
    programs = boot.read_lines(os.path.join(out, "programs/list"))
    unknown = [name for name in names if name not in programs]
    if unknown:
        raise SystemExit("test: no such program: %s; there are: %s"
                         % (" ".join(unknown), " ".join(programs)))
    return [name for name in programs if not names or name in names]


def machines(programs):
    """Yields the machines that the programs need, each with its programs."""
    special = [name for *_, names in OTHERS for name in names]
    yield USUAL, [name for name in programs if name not in special]
    for *machine, names in OTHERS:
        yield machine, [name for name in programs if name in names]


def main():
    """Entry."""
    arches, kind, *names = sys.argv[1:]
    total = ktap.Results()
    for arch in arches.split(","):
        programs = wanted(arch, kind, names)
        if not programs:
            total.failed.append((arch, "there are no test programs"))
            print("test: there are no test programs for %s" % arch)
        first = True
        for machine, here in machines(programs):
            if here:
                total.add(run_machine(arch, kind, machine, here, first))
                first = False
    print(total.summary())
    return 1 if total.failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
