#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Print the warnings of a log that this series answers for; exit 1 if there are any.
Usage: check-warnings.py [--base LOG] [--every-message] LOG
They are those in our files, on lines that our patches add, and any other in
the directories of IOMMU and VFIO or in a patched file that is not known from
the base: check-known lists those, as 'path: text' without line numbers, and a
log of the same made from build/pristine may be given as --base.
--every-message: each message of the log is one, not only 'warning' and 'error'."""
import argparse
import functools
import os
import re
import subprocess
import sys

import pristine
import tree

KNOWN = os.path.join(os.path.dirname(os.path.realpath(__file__)), "check-known")
WATCHED = ("drivers/iommu/", "drivers/vfio/")
# gcc, sparse, kernel-doc and coccicheck all write path:line[:column]: text
MESSAGE = re.compile(r"^(\S+?):(\d+):(?:[\d-]+:)? ?(.*)$")
# The tree, copies of it, and our own files, by the names that compilers give them:
# absolute, or relative as ccache makes them.
TOPS = re.compile(r"^(?:.*?/build/(?:tree|pristine|check/cocci)/|(?:\.\./)+(?:tree/)?|\./)")
REPORT = re.compile(r"(?i)\b(warning|error)\b")


@functools.lru_cache
def known():
    """What the base says of itself, from check-known."""
    with open(KNOWN, encoding="utf-8") as file:
        return {line.rstrip("\n") for line in file if line.strip() and line[0] != "#"}


@functools.lru_cache
def added(rel):
    """The lines of a patched file, by number, that the base does not have."""
    old = os.path.join(pristine.PRISTINE, rel)
    done = subprocess.run(["diff", "-U0", old if os.path.exists(old) else os.devnull,
                           os.path.join(tree.TREE, rel)],
                          text=True, stdout=subprocess.PIPE, check=False)
    lines = set()
    for at, count in re.findall(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", done.stdout, re.M):
        lines.update(range(int(at), int(at) + int(count or 1)))
    return lines


def counts(message, ours, patched, in_base):
    """True if this series answers for a message."""
    rel, line, text = message
    if rel in ours:
        return True
    if "%s: %s" % (rel, text) in in_base:
        return False
    if rel in patched and line in added(rel):
        return True
    if "%s: %s" % (rel, text) in known():
        return False
    return rel in patched or rel.startswith(WATCHED)


def messages(log, every):
    """The (path, line, text) of each message of a log."""
    with open(log, encoding="utf-8", errors="replace") as file:
        for path, line, text in (m.groups() for m in map(MESSAGE.match, file) if m):
            if every or (REPORT.search(text) and not text.startswith("note:")):
                # A line named in the text moves as the message's own does.
                yield TOPS.sub("", path), int(line), re.sub(r"\bline \d+", "line N", text)


def main():
    """Entry."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base")
    parser.add_argument("--every-message", action="store_true")
    parser.add_argument("log")
    args = parser.parse_args()
    ours, patched, in_base = set(tree.ours()), set(pristine.patched()), set()
    if args.base:
        in_base = {"%s: %s" % (path, text)
                   for path, _, text in messages(args.base, args.every_message)}
    found = ["%s:%d: %s" % message
             for message in messages(args.log, args.every_message)
             if counts(message, ours, patched, in_base)]
    for line in dict.fromkeys(found):
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
