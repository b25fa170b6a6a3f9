#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Find what a kernel complained about in its log.
Usage: judge.py [FILE]    prints each report; exit 1 if there is one
boot.py calls it for every run: a complaint fails the run whatever the tests said."""
import re
import sys

END_OF_LOG = "machine: end of log"
LONGEST_REPORT = 60

COMPLAINT = re.compile("|".join((
    r"Kernel panic",
    r"\bBUG[: ]",
    r"\bWARNING: ",
    r"\bUBSAN: ",
    r"\bKASAN: ",
    r"\bOops\b",
    r"Internal error: ",
    r"general protection fault",
    r"Unable to handle kernel",
    r"INFO: task .* blocked for more than",
    r"INFO: trying to register non-static key",
    r"INFO: possible recursive locking",
    r"detected( expedited)? stalls? on",
    r"self-detected stall",
    r"soft lockup",
    r"hard LOCKUP",
    r"list_(add|del) corruption",
    r"ODEBUG: ",
    r"refcount_t: ",
    r"scheduling while atomic",
    r"[Bb]ad page (state|map)",
    r"unregister_netdevice: waiting",
    r"unreferenced object 0x",
    r"kmemleak: (Kernel memory leak detector disabled|Cannot)",
    r"machine: lockdep 0",
)))

# The console's and dmesg -r's decoration before the text of a line.
PREFIX = re.compile(r"^(<\d+>)?(\[ *\d+\.\d+\](\[[ \w]+\])? ?)?")
LAST_LINE = re.compile(r"---\[ end (trace|Kernel panic)")
TAINTED = re.compile(r"machine: tainted (\d+)")

# The kernel sets this bit when a built-in test ran: no complaint.
TAINT_TEST = 1 << 18
TAINTS = {2: "module forced out", 3: "processor out of specification",
          4: "machine check", 5: "bad page", 6: "user request", 7: "died",
          9: "warned", 14: "soft lockup"}


def text(line):
    """A log line without time stamp and level."""
    return PREFIX.sub("", line.rstrip("\r\n"))


def taint_report(line):
    """What a taint line says, None if the kernel is clean."""
    found = TAINTED.search(line)
    value = int(found.group(1)) & ~TAINT_TEST if found else 0
    if not value:
        return None
    names = [TAINTS.get(bit, "bit %d" % bit) for bit in range(32) if value >> bit & 1]
    return ["the kernel is tainted (%d): %s" % (value, ", ".join(names))]


def reports(lines):
    """The complaints in a log, each a list of its lines."""
    found = []
    room = 0
    for line in map(text, lines):
        tainted = taint_report(line)
        if tainted:
            found.append(tainted)
            room = 0
        elif room:
            found[-1].append(line)
            room = 0 if LAST_LINE.search(line) else room - 1
        elif COMPLAINT.search(line):
            found.append([line])
            room = LONGEST_REPORT
    return found


def complete(lines):
    """True if the guest lived to send its whole log."""
    return any(END_OF_LOG in line for line in lines[-3:])


def judge(log, console):
    """Complaints of a run from its log, and from its console what the log lacks
    because the kernel died before it could send it."""
    found = reports(log)
    if complete(log):
        known = {text(line) for line in log}
    else:
        known = {line for report in found for line in report}
    found += [report for report in reports(console) if report[0] not in known]
    # A taint repeats what was already shown, unless it was all there was.
    told = [report for report in found if "is tainted" not in report[0]]
    return told or found


def main():
    """Judge a file, or standard input."""
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    else:
        lines = sys.stdin.readlines()
    found = reports(lines)
    for report in found:
        print("\n".join(report) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
