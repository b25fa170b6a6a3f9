#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Read KTAP, as kselftests and KUnit print it.
Usage: ktap.py <FILE    prints the counts; exit 1 on any failure
A result with subtests stands for them: only the innermost results are counted."""
import re
import sys

VERSION = re.compile(r"^(TAP version 13|TAP version 14|KTAP version 1)$")
PLAN = re.compile(r"^1\.\.(\d+)(?:\s+#\s*SKIP\s*(.*))?", re.I)
RESULT = re.compile(r"^(ok|not ok)\b\s*(\d+)?\s*-?\s*(.*)$")
DIRECTIVE = re.compile(r"(^|\s)#\s*(SKIP|XFAIL|TODO|TIMEOUT)\b:?\s*(.*)$", re.I)
RUNNING = re.compile(r"^#\s+RUN\s+(\S+)")


class Level:
    """One nesting level: its plan, its number of results, its inner results."""

    def __init__(self):
        self.plan = None
        self.seen = 0
        self.inner = []


class Results:
    """What a program reported. Failed and skipped are (name, why) pairs."""

    def __init__(self):
        self.passed = []
        self.failed = []
        self.skipped = []

    def add(self, other):
        """Count another program's results too."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def count(self):
        """The number of results."""
        return len(self.passed) + len(self.failed) + len(self.skipped)

    def summary(self):
        """The counts in words."""
        return "%d passed, %d failed, %d skipped" % (
            len(self.passed), len(self.failed), len(self.skipped))


class Parser:
    """Feed it lines; results holds what they came to after finish()."""

    def __init__(self):
        self.results = Results()
        self.levels = [Level()]
        self.running = None
        self.notes = []

    def feed(self, line):
        """Take one line."""
        line = line.rstrip()
        bare = line.lstrip(" ")
        depth = (len(line) - len(bare)) // 4
        plan, result = PLAN.match(bare), RESULT.match(bare)
        if VERSION.match(bare) or bare.startswith("# Subtest:"):
            self._open(depth)
        elif plan:
            self._open(depth)
            self.levels[depth].plan = int(plan.group(1))
            if plan.group(1) == "0" and plan.group(2) is not None:
                self.results.skipped.append(("the program", plan.group(2) or "no reason given"))
        elif result:
            self._result(depth, result)
        elif bare.startswith("#"):
            running = RUNNING.match(bare)
            if running:
                self.running = running.group(1)
                self.notes = []
            else:
                self.notes.append(bare)

    def _open(self, depth):
        while len(self.levels) <= depth:
            self.levels.append(Level())

    def _close(self, depth):
        """Results of the levels below depth, which end here; checks their plans."""
        inner = []
        while len(self.levels) > depth + 1:
            level = self.levels.pop()
            inner += level.inner
            self._check_plan(level)
        return inner

    def _check_plan(self, level):
        if level.plan is not None and level.seen != level.plan:
            self.results.failed.append(
                ("plan", "%d results of %d planned" % (level.seen, level.plan)))
            level.inner.append(False)

    def _result(self, depth, match):
        self._open(depth)
        inner = self._close(depth)
        level = self.levels[depth]
        level.seen += 1
        good, name = match.group(1) == "ok", match.group(3)
        directive = DIRECTIVE.search(name)
        why = None
        if directive:
            why = directive.group(3)
            name = name[:directive.start()].strip()
        name = name or self.running or "test %s" % match.group(2)
        skipped = directive is not None and directive.group(2).upper() == "SKIP"
        if inner and (good or False in inner):
            level.inner += inner
        elif not good:
            self.results.failed.append((name, "\n".join(self.notes[-20:])))
            level.inner.append(False)
        elif skipped:
            self.results.skipped.append((name, why or "no reason given"))
            level.inner.append(True)
        else:
            self.results.passed.append(name)
            level.inner.append(True)
        self.running = None
        self.notes = []

    def finish(self, status=0):
        """The end of the output; status is the program's exit status."""
        results = self.results
        last = self.running
        top = self.levels[0]
        self._close(0)
        if top.plan is None:
            results.failed.append(("plan", "the program printed none"))
        self._check_plan(top)
        if status is None:
            results.failed.append((last or "the program", "did not end"))
        elif status and status != 4 and not results.failed:
            results.failed.append((last or "the program", "exit status %d" % status))
        return results


def parse(lines, status=0):
    """The results of a whole output."""
    parser = Parser()
    for line in lines:
        parser.feed(line)
    return parser.finish(status)


def main():
    """Count standard input."""
    results = parse(sys.stdin)
    for name, why in results.failed:
        print("failed: %s: %s" % (name, why))
    for name, why in results.skipped:
        print("skipped: %s: %s" % (name, why))
    print(results.summary())
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
