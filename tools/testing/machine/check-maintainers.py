#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Check our MAINTAINERS: its form, and that it has all our files and nothing else.
Usage: check-maintainers.py    prints what is wrong; exit 1 if anything is
A file has a section if an F: line means it; root files need none."""
import os
import re
import subprocess
import sys

import series
import tree

FIELD = re.compile(r"^[MRLSWQBCPTFXNK]:\t\S")


def files():
    """Every file of the repository, relative, in the index or not yet."""
    said = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=tree.TOP,
                          text=True, stdout=subprocess.PIPE, check=True).stdout
    return [path for path in said.splitlines()
            if os.path.lexists(os.path.join(tree.TOP, path))]


def form(section):
    """What is wrong with the form of a section."""
    name, *fields = section.splitlines()
    wrong = ["%s: not a field: %s" % (name, line) for line in fields
             if not FIELD.match(line)]
    wrong += ["%s: no %s:" % (name, letter) for letter in "MSF"
              if not any(line.startswith(letter + ":\t") for line in fields)]
    patterns = [line[3:] for line in fields if line.startswith("F:\t")]
    if patterns != sorted(patterns):
        wrong.append("%s: F: lines are not in order" % name)
    return wrong


def main():
    """Entry."""
    with open(os.path.join(tree.TOP, "MAINTAINERS"), encoding="utf-8") as file:
        ours = series.sections(file.read())
    paths, wrong = files(), []
    if not ours:
        wrong.append("MAINTAINERS has no section")
    if ours != sorted(ours):
        wrong.append("sections are not in the order of the alphabet")
    patterns = set()
    for section in ours:
        wrong += form(section)
        patterns.update(line[3:] for line in section.splitlines()
                        if line.startswith("F:\t"))
    wrong += ["F: %s matches no file" % pattern for pattern in sorted(patterns)
              if not any(series.matches(path, pattern) for path in paths)
              and not os.path.exists(os.path.join(tree.TREE, pattern))]
    wrong += ["%s is in no section" % path for path in paths if "/" in path
              and not any(series.matches(path, pattern) for pattern in patterns)]
    print("\n".join(wrong) or "%d sections, %d files" % (len(ours), len(paths)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
