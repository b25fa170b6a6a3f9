#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Test the runner itself, without a machine: what must fail a run does fail it.
Usage: selftest.py [-v]    'make check' runs it"""
import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import bench
import boot
import iort
import judge
import ktap
import steps
import test

from bench import hot, plot, report  # isort: skip

HERE = os.path.dirname(os.path.abspath(__file__))

CLEAN = ["<6>[    1.0] pci 0000:01:00.0: Adding to iommu group 6",
         "<3>[    2.0] DMAR: DRHD: handling fault status reg 3",
         "machine: tainted 0", "machine: lockdep 1", judge.END_OF_LOG]

COMPLAINTS = {
    "panic": "Kernel panic - not syncing: sysrq triggered crash",
    "oops": "Oops: 0000 [#1] PREEMPT SMP",
    "oops on arm64": "Internal error: Oops: 0000000096000004 [#1] SMP",
    "bad pointer": "BUG: unable to handle page fault for address: ffffc90000a01000",
    "bug": "kernel BUG at drivers/iommu/iommufd/object.c:12!",
    "warning": "WARNING: CPU: 1 PID: 71 at drivers/iommu/iommu.c:9 attach+0x1/0x2",
    "deadlock": "WARNING: possible circular locking dependency detected",
    "rcu": "WARNING: suspicious RCU usage",
    "sleep": "BUG: sleeping function called from invalid context at mm/slab.h:4",
    "kasan": "BUG: KASAN: slab-use-after-free in object_put+0x10/0x20",
    "ubsan": "UBSAN: shift-out-of-bounds in drivers/iommu/iommufd/ioas.c:7:9",
    "slub": "BUG kmalloc-64 (Not tainted): Poison overwritten",
    "hung task": "INFO: task ioas:77 blocked for more than 60 seconds.",
    "soft lockup": "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [ioas:77]",
    "stall": "rcu: INFO: rcu_sched self-detected stall on CPU",
    "list": "list_del corruption. prev->next should be ffff88, but was ffff99.",
    "object": "ODEBUG: free active (active state 0) object type: work_struct",
    "refcount": "refcount_t: underflow; use-after-free.",
    "leak": "unreferenced object 0xffff888003d1b400 (size 64):",
    "lockdep off": "machine: lockdep 0",
    "taint": "machine: tainted 512",
}

GOOD = ["TAP version 13", "1..2", "ok 1 a.b", "ok 2 c.d", "# Totals: pass:2"]


class Iort(unittest.TestCase):
    """The table that replaces QEMU's."""

    def test_table(self):
        """It sums up to 0, is as long as it says, newer, and its nodes fill it."""
        table = iort.table()
        self.assertEqual(sum(table) & 0xff, 0)
        fields = iort.HEADER.unpack_from(table)
        self.assertEqual((fields[0], fields[1], fields[6]), (b"IORT", len(table), 2))
        at, kinds = iort.FIRST, {}
        while at < len(table):
            kind, length, *_ = iort.NODE.unpack_from(table, at)
            kinds[kind] = at
            at += length
        self.assertEqual(at, len(table))
        self.assertEqual(sorted(kinds), [iort.ITS_GROUP, iort.ROOT_COMPLEX, iort.SMMU_V3])
        # Bit 2 of the flags, the last byte of the root complex's memory properties
        self.assertEqual(table[kinds[iort.ROOT_COMPLEX] + iort.NODE.size + 7], 7)


class Judge(unittest.TestCase):
    """The kernel's log."""

    def test_clean(self):
        """An ordinary log, with an IOMMU fault that a test provoked, is no complaint."""
        self.assertEqual(judge.judge(CLEAN, []), [])

    def test_each_complaint(self):
        """Each kind of report is found in a log."""
        for name, line in COMPLAINTS.items():
            with self.subTest(name):
                found = judge.judge(["<4>[    3.0] " + line] + CLEAN, [])
                self.assertEqual(len(found), 1)

    def test_console_of_a_dead_guest(self):
        """A guest that panics sends no log: the console has the report."""
        found = judge.judge([], ["[    5.6] " + COMPLAINTS["panic"]])
        self.assertEqual(found[0][0], COMPLAINTS["panic"])

    def test_told_once(self):
        """A report in the log and on the console is shown once."""
        line = COMPLAINTS["warning"]
        found = judge.judge(["<4>[    3.0] " + line, judge.END_OF_LOG], ["[    3.0] " + line])
        self.assertEqual(len(found), 1)

    def test_kunit_taint(self):
        """The mark that built-in tests leave is no complaint, a warning's is."""
        self.assertEqual(judge.reports(["machine: tainted 262144"]), [])
        self.assertEqual(len(judge.reports(["machine: tainted 262656"])), 1)


class Ktap(unittest.TestCase):
    """The programs' output."""

    def counts(self, lines, status=0):
        """Passed, failed, skipped."""
        results = ktap.parse(lines, status)
        return len(results.passed), len(results.failed), len(results.skipped)

    def test_good(self):
        """Two of two."""
        self.assertEqual(self.counts(GOOD), (2, 0, 0))

    def test_failed(self):
        """A failure is named and keeps its diagnostics; the status adds no second one."""
        results = ktap.parse(["1..1", "#  RUN           a.b ...", "# a.c:1:b:Expected 1 == 2",
                              "not ok 1 a.b"], 1)
        self.assertEqual(results.failed, [("a.b", "# a.c:1:b:Expected 1 == 2")])

    def test_skip(self):
        """A skip has a name and says why."""
        results = ktap.parse(["1..1", "#  RUN           a.b ...", "ok 1 # SKIP no device"])
        self.assertEqual(results.skipped, [("a.b", "no device")])

    def test_plan(self):
        """Too few results, no plan, no output: each a failure."""
        self.assertEqual(self.counts(GOOD[:3]), (1, 1, 0))
        self.assertEqual(self.counts(["ok 1 a.b"]), (1, 1, 0))
        self.assertEqual(self.counts([])[1], 1)

    def test_status(self):
        """A program that reports success and exits with another status failed."""
        self.assertEqual(self.counts(GOOD, 139), (2, 1, 0))
        self.assertEqual(self.counts(GOOD, None), (2, 1, 0))

    def test_all_skipped(self):
        """A program that skips as a whole."""
        self.assertEqual(self.counts(["TAP version 13", "1..0 # SKIP no iommu"], 4), (0, 0, 1))

    def test_nested(self):
        """Subtests are counted in place of their parent."""
        lines = ["KTAP version 1", "1..1", "    KTAP version 1", "    # Subtest: s",
                 "    1..2", "    ok 1 x", "    not ok 2 y", "not ok 1 s"]
        self.assertEqual(self.counts(lines), (1, 1, 0))
        lines[6] = "    ok 2 y"
        self.assertEqual(self.counts(lines), (2, 1, 0))
        self.assertEqual(self.counts(lines[:6] + ["ok 1 s"]), (1, 1, 0))


class Runs(unittest.TestCase):
    """Whole runs, with a guest played from a script."""

    def play(self, *guests, programs=("one", "two")):
        """Results of run_machine when successive boots act like these guests.
        Each is (output, status, log, console)."""
        left = list(guests)

        def fake(_arch, _kind, _command, _seconds, _name, on_output, _setting):
            output, status, log, console = left.pop(0)
            on_output("\n".join(output + [""]).encode())
            outcome = boot.Outcome()
            outcome.status, outcome.log = status, log
            outcome.reports = judge.judge(log, console)
            if status is None:
                outcome.problems.append("the guest ended without a result")
            return outcome, "log"

        with mock.patch.object(boot, "run", fake), \
             contextlib.redirect_stdout(io.StringIO()):
            results = test.run_machine("x86", "test", test.USUAL, programs)
        self.assertEqual(left, [])
        return len(results.passed), len(results.failed)

    @staticmethod
    def program(name, lines=tuple(GOOD), status=0):
        """A program's part of the output."""
        return ["", "@@ begin " + name, *lines, "", "@@ end %s %d" % (name, status)]

    def test_good(self):
        """All is well."""
        output = self.program("one") + self.program("two")
        self.assertEqual(self.play((output, 0, CLEAN, [])), (4, 0))

    def test_warning(self):
        """Every test says ok and the kernel warned: failed."""
        output = self.program("one") + self.program("two")
        log = ["<4>[    3.0] " + COMPLAINTS["warning"]] + CLEAN
        self.assertEqual(self.play((output, 0, log, [])), (4, 1))

    def test_panic(self):
        """The first program kills the guest: it fails, the second still runs."""
        dead = (["", "@@ begin one", *GOOD[:3]], None, [], ["[    5.6] " + COMPLAINTS["panic"]])
        again = (self.program("two"), 0, CLEAN, [])
        passed, failed = self.play(dead, again)
        self.assertEqual(passed, 3)
        self.assertGreaterEqual(failed, 2)

    def test_nothing_ran(self):
        """A guest that dies before the first program is not booted for ever."""
        self.assertGreaterEqual(self.play(([], None, [], []))[1], 1)

    def test_exit_status(self):
        """A command that succeeds on a kernel that complains does not succeed."""
        outcome = boot.Outcome()
        outcome.status = 0
        self.assertEqual(outcome.exit_status(), 0)
        outcome.reports = [["WARNING: "]]
        self.assertEqual(outcome.exit_status(), 1)
        outcome.status = 3
        self.assertEqual(outcome.exit_status(), 3)
        self.assertEqual(boot.Outcome().exit_status(), 1)


class Steps(unittest.TestCase):
    """The display of steps."""

    def test_failure_shows_the_log(self):
        """The end of the log comes with a failure, and the status is passed on."""
        with tempfile.TemporaryDirectory() as directory:
            step = steps.Step("x", "/bin/sh", "-c", "echo the reason; exit 3")
            step.log = os.path.join(directory, "x.log")
            with contextlib.redirect_stdout(io.StringIO()) as shown:
                self.assertEqual(steps.run_logged(step, "[1/1] x"), 3)
        self.assertIn("the reason", shown.getvalue())

    def test_story(self):
        """Each machine has its story, arm64's is the usual one, and CMD takes its place."""
        for given, last in (({}, ["arm64", "perf", "nested-dma"]),
                            ({"ARCH": "x86"}, ["x86", "perf", "edu-dma"]),
                            ({"CMD": "uname -a"}, ["arm64", "perf", "uname", "-a"])):
            with mock.patch.dict(os.environ, given, clear=True):
                self.assertEqual(steps.plan("run")[-1].argv[1:], last)

    def test_stop_leaves_nothing(self):
        """Ending a step ends what it started."""
        child = subprocess.Popen(["sh", "-c", "sleep 77 & echo $!; wait"], text=True,
                                 stdout=subprocess.PIPE, preexec_fn=steps.child_setup)
        grandchild = int(child.stdout.readline())
        steps.end_group(child)
        child.stdout.close()
        with self.assertRaises(ProcessLookupError):
            for _ in range(50):
                os.kill(grandchild, 0)
                time.sleep(0.1)


# What iommu-bench prints: four pages at 150 + 450 of floor and 560 of ours.
class Series(unittest.TestCase):
    """What the build of the series' steps takes for the same, and what it only parses."""

    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.dir = work.name

    def write(self, name, text):
        """A file in the directory of the test."""
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def key(self, text, name="a.c"):
        """What series-key.py says of a file."""
        self.write(name, text)
        return subprocess.run([os.path.join(HERE, "series-key.py"), self.dir],
                              input=name + "\n", text=True, check=True,
                              stdout=subprocess.PIPE).stdout

    def test_key(self):
        """Comments and layout make no difference, all else does."""
        base = self.key("int a;\nchar *b = \"/* c */\";\n")
        for same in ("int a; /* what\n * it is */\n\nchar *b = \"/* c */\"; // \"\n",
                     "int\ta; \\\n\nchar *b = \"/* c */\";\n"):
            self.assertEqual(base, self.key(same))
        for other in ("int a;\nchar *b = \"/* d */\";\n", "int a;\nchar *b = \"\";\n",
                      "inta;\nchar *b = \"/* c */\";\n"):
            self.assertNotEqual(base, self.key(other))
        self.assertNotEqual(self.key("a := b # c", "Makefile"),
                            self.key("a := b", "Makefile"))

    def compile(self, touched):
        """True if series-cc.sh makes an object of it, False if it only parses."""
        source = self.write("a.c", "int a;\n")
        target = self.write("a.o", "of before")
        environment = dict(os.environ, SERIES_TREE=self.dir,
                           SERIES_TOUCHED=os.path.join(self.dir, "touched"))
        if touched is not None:
            self.write("touched", touched)
        subprocess.run([os.path.join(HERE, "series-cc.sh"), "gcc", "-c", "-o", target, source],
                       env=environment, check=True)
        with open(target, "rb") as file:
            return file.read() != b"of before"

    def test_compiler(self):
        """What the step changed is compiled, and all where that is not known."""
        self.assertTrue(self.compile(None))
        self.assertTrue(self.compile("b.c\na.c\n"))
        self.assertFalse(self.compile("b.c\na.ch\n"))

    def test_error(self):
        """What is only parsed fails where it is wrong."""
        source = self.write("a.c", "int a = b;\n")
        target = self.write("a.o", "of before")
        self.write("touched", "")
        done = subprocess.run([os.path.join(HERE, "series-cc.sh"), "gcc", "-c", "-o", target,
                               source], check=False, stderr=subprocess.DEVNULL,
                              env=dict(os.environ, SERIES_TREE=self.dir,
                                       SERIES_TOUCHED=os.path.join(self.dir, "touched")))
        self.assertNotEqual(0, done.returncode)


MEASURED = ["memory\tscattered\t16384\t4",
            "figure\tstep\tpin.scattered\t600\t4\t2\t4\t1",
            "figure\tstep\tmap.scattered\t1800\t4\t2\t4\t1",
            "kernel\tmap.scattered\t32\t64",
            "figure\tours\tmap.scattered\t2240\t4\t3\t4\t7",
            "figure\tours\tmap.small\t3000\t1\t8\t9\t8",
            "figure\tours\tmap.many\t3091\t1\t8\t9\t9", "end"]


class Bench(unittest.TestCase):
    """The benchmark's report, without a machine."""

    def setUp(self):
        self.results = report.parse(["some other line"] + MEASURED)
        with open(report.GOALS, encoding="utf-8") as file:
            self.rows = {row.what: row for row in report.read_goals(file)}

    def test_complete(self):
        """Output that ends early is known to be so."""
        self.assertTrue(self.results.complete)
        self.assertFalse(report.parse(MEASURED[:-1]).complete)

    def test_costs(self):
        """Costs are per unit; what was not measured has none."""
        self.assertEqual(self.results.cost("ours", "map.scattered"), 560)
        self.assertIsNone(self.results.cost("type1", "map.scattered"))

    def test_floor(self):
        """The floor is the sum of its steps, and none if one is missing."""
        self.assertEqual(report.floor_of(self.rows["map.scattered"], self.results), 600)
        self.assertIsNone(report.floor_of(self.rows["unmap.scattered"], self.results))
        self.assertIsNone(report.floor_of(self.rows["alloc.ioas"], self.results))

    def test_goal(self):
        """The least of the terms holds; a term may be another row's figure."""
        self.assertEqual(report.goal_of(self.rows["map.scattered"], self.results), 600)
        self.assertAlmostEqual(report.goal_of(self.rows["map.many"], self.results), 3090)
        self.assertEqual(report.goal_of(self.rows["alloc.ioas"], self.results), 2000)

    def test_verdicts(self):
        """Met, not met by one instruction, and not known."""
        said = [report.verdict(self.rows[what], self.results)
                for what in ("map.scattered", "map.many", "alloc.ioas")]
        self.assertEqual(said, ["met", "not met", "-"])

    def test_kernel_memory(self):
        """Bytes per GiB, page tables apart: 16 KiB mapped took 32 and 64 bytes."""
        self.assertEqual(self.results.kernel_bytes("map.scattered"), 32 * 65536)
        self.assertEqual(self.results.kernel_bytes("map.scattered", tables=True), 64 * 65536)
        self.assertIsNone(self.results.kernel_bytes("map.thp"))

    def test_goals_file(self):
        """Each row of the data file can be understood, and none is there twice."""
        with open(report.GOALS, encoding="utf-8") as file:
            self.assertEqual(len(list(report.read_goals(file))), len(self.rows))
        for row in self.rows.values():
            self.assertIn(row.unit, ("page", "call", "entry", "GiB"))
            for term in row.goal.split(", "):
                self.assertRegex(term, r"^(\d[\d.]*(\*\d[\d.]*)?|[\d.]+\*(floor|(un)?map\.small))$")

    def test_elsewhere(self):
        """Goals in numbers and peers are of x86 with VT-d, those that are relative hold."""
        rows = {row.what: row for row in report.for_machine(self.rows.values(), "arm64")}
        self.assertEqual(report.goal_of(rows["map.scattered"], self.results), 1.15 * 600)
        self.assertIsNone(report.goal_of(rows["alloc.ioas"], self.results))
        self.assertIsNone(rows["map.scattered"].peer)
        rows = {row.what: row for row in report.for_machine(self.rows.values(), "x86")}
        self.assertEqual(rows["map.scattered"], self.rows["map.scattered"])
        self.assertIsNone(rows["fault.response"].iommufd72)

    def test_measured(self):
        """Rows that a machine does not measure are left out."""
        shown = report.measured(self.rows.values(), self.results)
        self.assertEqual({row.what for row in shown},
                         {"map.scattered", "map.small", "map.many", "memory.scattered"})

    def test_pictures(self):
        """A bar that no row has is not drawn; a row without a figure keeps its place."""
        rows = [self.rows["map.scattered"], self.rows["unmap.scattered"]]
        series = plot.measured(rows, self.results)
        self.assertEqual([name for name, _, _ in series],
                         ["floor", "best peer", "iommufd 7.2", "ours", "goal"])
        lines = plot.figures(["a, b", "c"], series[3:])
        self.assertEqual(lines[1:3], ['"a\\nb" 560.000 600.000', '"c" NaN 250.000'])

    def test_profile(self):
        """Blocks go to the function they begin in, those of the program apart."""
        symbols = hot.Symbols(["ffffffff81000000 T first", "ffffffff81000100 t second",
                               "ffffffff81000180 D not_code"])
        lines = ["mark 6", "ffffffff81000000 1000", "mark 7", "ffffffff81000010 5",
                 "ffffffff81000104 70", "ffffffff81000190 7", "401000 3"]
        marks = hot.read(lines, {7})
        self.assertEqual(list(marks), [7])
        self.assertEqual(hot.by_function(marks[7], symbols),
                         [(77, "second"), (5, "first"), (3, "(the program)")])
        shown = hot.text(list(self.rows.values()), self.results, marks, symbols)
        self.assertRegex(shown[1], r"^second +19\.2 +90\.6 %$")

    def test_page(self):
        """The page refers to nothing outside itself, and its pictures do not clash."""
        svg = "<?xml?><svg><g id='a'/><use xlink:href='#a'/></svg>"
        text = plot.page(list(self.rows.values()), self.results, "<x86>", [svg, svg], ["a < b"])
        self.assertNotRegex(text, r"<script|<link|<img|src=|href='[^#]")
        self.assertIn("id='p0-a'", text)
        self.assertIn("href='#p1-a'", text)
        self.assertNotIn("<x86>", text)
        self.assertIn("a &lt; b", text)

    def test_plan(self):
        """DEVICE=mock and MOCK=1 choose another kernel; neither does by default."""
        for given, kind in (({}, "perf"), ({"MOCK": "1"}, "mock"), ({"DEVICE": "mock"}, "mock")):
            with mock.patch.dict(os.environ, given, clear=True):
                self.assertEqual(steps.plan("bench")[-1].argv[1:], ["x86", kind])

    def test_machine(self):
        """One CPU whose clock counts; the plugin only when a profile is wanted."""
        plain = bench.setting("x86", "perf", 1024, None)
        self.assertIn("shift=0,sleep=off", plain.words)
        self.assertNotIn("-plugin", plain.words)
        self.assertIn("-plugin", bench.setting("x86", "perf", 1024, "profile").words)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(unittest.main())
