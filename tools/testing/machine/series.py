#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Turn patches/ and our files into a numbered series for git am, in build/series.
Usage: series.py           write build/series/NNNN-*.patch and 0000-cover-letter
       series.py --plan    print each step and the files that it adds
       series.py --maintainers    print our sections as the kernel gets them
       series.py --am      git am the series on the base and compare with build/tree

patches/series.plan has one step a line, in order. NAME.patch is a patch of
patches/series. files/NAME.msg adds files of ours: a commit message as in a
patch, '---', then the paths, one a line; 'dir/' stands for all below it.
MAINTAINERS there stands for our sections, put into the kernel's file.
"""
import fnmatch
import os
import re
import shutil
import subprocess
import sys

import pristine
import tree

SERIES = os.path.join(tree.BUILD, "series")
WORK = os.path.join(tree.BUILD, "series.work")
PLAN = os.path.join(tree.PATCHES, "series.plan")
COVER = os.path.join(tree.PATCHES, "files/cover.msg")
# The date of the first step where there is no commit to take it from.
NO_COMMIT = 1767225600


class Step:
    """One commit of the series: a patch of the queue, or files of ours."""

    def __init__(self, name):
        self.name = name
        try:
            with open(os.path.join(tree.PATCHES, name), encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            raise tree.Failed("series.plan names %s, which is missing" % name) from None
        head, _, self.rest = text.partition("\n---\n")
        self.author = header(head, "From", name)
        self.subject = re.sub(r"^\[PATCH[^]]*\]\s*", "", header(head, "Subject", name))
        self.body = head.partition("\n\n")[2].strip()
        self.adds = []
        if not self.is_patch():
            self.patterns = [line.strip() for line in self.rest.splitlines()
                             if line.strip() and line[0] != "#"]

    def is_patch(self):
        """True if the step changes files of the base."""
        return self.name.endswith(".patch")

    def message(self):
        """The commit message."""
        return "%s\n\n%s\n" % (self.subject, self.body)


def header(head, field, name):
    """One field of a mail-like header, which may go on in indented lines."""
    found = re.search(r"^%s: (.*(?:\n[ \t].*)*)" % field, head.partition("\n\n")[0], re.M)
    if not found:
        raise tree.Failed("patches/%s has no '%s:'" % (name, field))
    return re.sub(r"\s*\n\s+", " ", found.group(1)).strip()


def matches(path, pattern):
    """True if a line of a step's list means this path."""
    if pattern.endswith("/"):
        return path.startswith(pattern)
    return path == pattern or fnmatch.fnmatchcase(path, pattern)


def assign(steps, paths):
    """Give each file of ours its step; each has to have exactly one."""
    wrong = []
    for path in paths:
        takers = [step for step in steps if not step.is_patch()
                  and any(matches(path, pattern) for pattern in step.patterns)]
        if len(takers) == 1:
            takers[0].adds.append(path)
        else:
            wrong.append("%s is in %s" % (path, " and ".join(s.name for s in takers)
                                          or "no step"))
    for step in steps:
        for pattern in () if step.is_patch() else step.patterns:
            if not any(matches(path, pattern) for path in paths):
                wrong.append("%s: nothing is called %s" % (step.name, pattern))
    if wrong:
        raise tree.Failed("series.plan:\n  " + "\n  ".join(wrong))


def plan():
    """The steps, checked: each patch once and in quilt's order, each file once."""
    try:
        with open(PLAN, encoding="utf-8") as file:
            names = [line.split("#")[0].strip() for line in file]
    except FileNotFoundError:
        raise tree.Failed("patches/series.plan is missing") from None
    steps = [Step(name) for name in names if name]
    patches = [step.name for step in steps if step.is_patch()]
    if patches != tree.series():
        odd = sorted(set(patches) ^ set(tree.series()))
        raise tree.Failed("series.plan and patches/series differ: "
                          + (", ".join(odd) or "the order"))
    assign(steps, tree.ours() + ["MAINTAINERS"])
    return steps


# MAINTAINERS

def sections(text):
    """The sections of a MAINTAINERS file, each with its name first."""
    blocks = re.split(r"\n\n+", text.strip())
    return [block for block in blocks if re.search(r"^S:\t", block, re.M)]


def for_kernel(section, paths):
    """A section without what the series leaves behind; None if nothing is left."""
    kept = []
    for line in section.splitlines():
        pattern = line[3:] if line.startswith("F:\t") else None
        if pattern is None or any(matches(path, pattern) for path in paths):
            kept.append(line)
    return "\n".join(kept) if any(l.startswith("F:\t") for l in kept) else None


def kernel_sections():
    """Our sections as the kernel gets them, without the machine's."""
    with open(os.path.join(tree.TOP, "MAINTAINERS"), encoding="utf-8") as file:
        ours = sections(file.read())
    paths = tree.ours() + pristine.patched()
    return [kept for kept in (for_kernel(one, paths) for one in ours) if kept]


def maintainers(base):
    """The base's MAINTAINERS with our sections at their places in the alphabet."""
    for section in kernel_sections():
        name = section.splitlines()[0].upper()
        # Not every section of the base is where it belongs: go by the nearest name.
        starts = [(m.group(1).upper(), m.start())
                  for m in re.finditer(r"(?<=\n\n)(\S.*)\n[A-Z]:\t", base)]
        nearest = max((start for start in starts if start[0] < name), default=("", 0))
        at = base.index("\n\n", nearest[1]) + 2
        base = base[:at] + section + "\n\n" + base[at:]
    return base


# Commits

def environment():
    """git without the user's settings, so that the output is the same everywhere."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env.update(GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL=os.devnull, TZ="UTC", LC_ALL="C")
    return env


def git(*args, where=WORK, env=None, stdin=None):
    """Run git; Failed with what it said if it does not succeed."""
    done = subprocess.run(["git", "-c", "core.abbrev=12", "-c", "gc.auto=0",
                           "-c", "init.defaultBranch=base", *args],
                          cwd=where, env=dict(environment(), **(env or {})), text=True,
                          input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise tree.Failed("git %s:\n%s" % (" ".join(args), done.stdout))
    return done.stdout


def first_date():
    """Seconds: the commit that the repository is at, so that output is reproducible."""
    if os.environ.get("SOURCE_DATE_EPOCH"):
        return int(os.environ["SOURCE_DATE_EPOCH"])
    try:
        return int(git("log", "-1", "--format=%ct", where=tree.TOP))
    except tree.Failed:
        return NO_COMMIT


def identity(author, seconds):
    """The environment that makes a commit this author's, at this time."""
    found = re.fullmatch(r"(.*) <(.*)>", author)
    if not found:
        raise tree.Failed("not an author: %s" % author)
    env = {"GIT_%s_DATE" % who: "@%d +0000" % seconds for who in ("AUTHOR", "COMMITTER")}
    for who in ("AUTHOR", "COMMITTER"):
        env["GIT_%s_NAME" % who], env["GIT_%s_EMAIL" % who] = found.groups()
    return env


def fresh(where):
    """A repository with the base's text of the files the series changes."""
    source = pristine.update()
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    for path in set(pristine.patched()) | {"MAINTAINERS"}:
        if os.path.exists(os.path.join(source, path)):
            os.makedirs(os.path.dirname(os.path.join(where, path)), exist_ok=True)
            shutil.copy(os.path.join(source, path), os.path.join(where, path))
    env = identity("base <base>", 0)
    git("init", "-q", where=where)
    git("add", "-A", where=where)
    git("commit", "-q", "--allow-empty", "-m", "base", where=where, env=env)


def add_files(step, where):
    """Copy the step's files of ours to where the series is made."""
    for path in step.adds:
        target = os.path.join(where, path)
        if path == "MAINTAINERS":
            with open(target, encoding="utf-8") as file:
                text = maintainers(file.read())
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
            continue
        if os.path.lexists(target):
            raise tree.Failed("%s adds %s, which is there" % (step.name, path))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.join(tree.TOP, path), target)


def commit(step, seconds):
    """Make one step a commit in WORK."""
    if step.is_patch():
        git("apply", "--index", "--whitespace=nowarn",
            os.path.join(tree.PATCHES, step.name))
    else:
        add_files(step, WORK)
        git("add", "-A", "-f")
    git("commit", "-q", "-F", "-", env=identity(step.author, seconds),
        stdin=step.message())


def write(steps):
    """Commit each step and have git write the series; it appears whole or not."""
    fresh(WORK)
    start = first_date()
    for number, step in enumerate(steps):
        commit(step, start + number)
    cover = Step("files/cover.msg")
    out = SERIES + ".new"
    shutil.rmtree(out, ignore_errors=True)
    git("format-patch", "-q", "--cover-letter", "--zero-commit", "--no-signature",
        "--full-index", "--no-renames", "-o", out, "--root", "HEAD~%d" % len(steps)
        + "..HEAD", env=identity(cover.author, start + len(steps)))
    letter = os.path.join(out, "0000-cover-letter")
    with open(letter + ".patch", encoding="utf-8") as file:
        text = file.read()
    text = text.replace("*** SUBJECT HERE ***", cover.subject)
    text = text.replace("*** BLURB HERE ***", cover.body.partition("\n\nSigned-off-by:")[0])
    with open(letter, "w", encoding="utf-8") as file:
        file.write(text)
    # Not named .patch: git am takes build/series/*.patch.
    os.unlink(letter + ".patch")
    shutil.rmtree(SERIES, ignore_errors=True)
    os.rename(out, SERIES)


# The series taken back

def same_mode(one, two):
    """True if both may be executed, or neither."""
    return os.access(one, os.X_OK) == os.access(two, os.X_OK)


def differences(where):
    """What the series leaves in where that is not as in build/tree."""
    wrong = []
    paths = git("ls-files", "-z", where=where).split("\0")[:-1]
    for path in paths:
        got, want = os.path.join(where, path), os.path.join(tree.TREE, path)
        if path == "MAINTAINERS":
            with open(want, encoding="utf-8") as file:
                expected = maintainers(file.read())
            with open(got, encoding="utf-8") as file:
                if file.read() != expected:
                    wrong.append("MAINTAINERS is not the base's with our sections")
        elif not tree.same(got, want):
            wrong.append("%s differs from build/tree" % path)
        elif not same_mode(got, want):
            wrong.append("%s: its mode differs from build/tree" % path)
    missing = set(tree.ours()) | {p for p in pristine.patched()
                                  if os.path.exists(os.path.join(tree.TREE, p))}
    wrong += ["%s is not in the series" % p for p in sorted(missing - set(paths))]
    wrong += ["%s is edited in build/tree, and in no patch" % p for p in tree.edits()]
    return wrong


def take_back():
    """git am on the base, in a repository of its own; compare what comes out."""
    where = WORK + ".am"
    fresh(where)
    patches = sorted(os.path.join(SERIES, name) for name in os.listdir(SERIES)
                     if name.endswith(".patch"))
    if not patches:
        raise tree.Failed("build/series is empty")
    said = git("am", "--whitespace=warn", *patches, where=where,
               env=identity("test <test>", 0))
    wrong = [line for line in said.splitlines() if line.startswith("warning:")]
    wrong += differences(where)
    if wrong:
        raise tree.Failed("\n  ".join(["git am:"] + wrong))
    print("series: git am of %d patches gives the tree that make tree made" % len(patches))


def main():
    """Entry."""
    mode = sys.argv[1:] or ["--write"]
    try:
        if mode == ["--am"]:
            take_back()
            return 0
        if mode == ["--maintainers"]:
            print("\n\n".join(kernel_sections()))
            return 0
        steps = plan()
        if mode == ["--plan"]:
            for number, step in enumerate(steps, 1):
                print("%04d %s: %s" % (number, step.name, step.subject))
                print("".join("       + %s\n" % path for path in step.adds), end="")
        elif mode == ["--write"]:
            write(steps)
            print("series: %d patches and a cover letter in build/series" % len(steps))
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except tree.Failed as error:
        print("series: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
