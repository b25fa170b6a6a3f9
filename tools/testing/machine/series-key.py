#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Print what a compiler sees of files, as hashes: comments and layout make no difference.
Usage: series-key.py DIRECTORY <PATHS    a line for each path; for series-build.sh"""
import hashlib
import os
import re
import sys

# A literal stays as it is: there may be in it what looks like a comment.
TOKEN = re.compile(rb"""//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.S)


def seen(path, text):
    """What matters of a file, its directives each on a line."""
    if not path.endswith((".c", ".h")):
        return text
    text = TOKEN.sub(lambda found: found.group(1) or b" ", text.replace(b"\\\n", b""))
    lines = (b" ".join(line.split()) for line in text.split(b"\n"))
    return b"\n".join(line for line in lines if line)


def main():
    """Entry."""
    for path in sys.stdin.read().splitlines():
        try:
            with open(os.path.join(sys.argv[1], path), "rb") as file:
                text = hashlib.sha1(seen(path, file.read())).hexdigest()
        except FileNotFoundError:
            text = "gone"
        print(path, text)


if __name__ == "__main__":
    main()
