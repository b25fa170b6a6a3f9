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

import boot
import judge
import ktap
import steps
import test

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

        def fake(_arch, _kind, _command, _seconds, _name, on_output):
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
            results = test.run_machine("x86", "test", programs)
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


    def test_hang_at_boot(self):
        """Only a guest that hung before it was up, and said no more, gets a second boot."""
        outcome = boot.Outcome()
        outcome.hung = True
        self.assertTrue(outcome.lost_at_boot())
        outcome.reports = [[COMPLAINTS["soft lockup"]]]
        self.assertTrue(outcome.lost_at_boot())
        outcome.reports.append([COMPLAINTS["warning"]])
        self.assertFalse(outcome.lost_at_boot())
        outcome.reports = []
        outcome.up = True
        self.assertFalse(outcome.lost_at_boot())


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


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(unittest.main())
