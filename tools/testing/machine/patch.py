#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Take the edits of base files in build/tree back into a patch of patches/.
Usage: [NAME=x.patch] [SUBJECT=...] patch.py    or DROP=1 patch.py, to undo the edits
Without NAME the edits go to the one patch that already touches all edited files."""
import fcntl
import os
import shutil
import subprocess
import sys

import tree
from tree import BUILD, FINAL, PATCHES, TREE, Failed, say

EDITED = os.path.join(BUILD, "patch.edited")
BEFORE = os.path.join(BUILD, "patch.before")
HEADER = """From: %s
Subject: [PATCH] %s

Why this is needed comes here, before what it does.

Signed-off-by: %s
---
"""


def git_config(key):
    """A setting of the user's git, or a blank to fill in."""
    done = subprocess.run(["git", "config", key], cwd=tree.TOP, text=True,
                          stdout=subprocess.PIPE, check=False)
    return done.stdout.strip() or "FILL IN"


def original(rel):
    """Put the unedited text of a base file where the tree keeps such copies."""
    place = os.path.join(FINAL, rel)
    if os.path.exists(place):
        return
    say("looking up the original of " + rel)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place + ".new", "wb") as file:
        done = subprocess.run(
            ["tar", "-xOf", tree.base_tarball(), "--wildcards",
             "--no-wildcards-match-slash", "*/" + rel], stdout=file,
            stderr=subprocess.DEVNULL, check=False)
    if done.returncode:
        os.unlink(place + ".new")
        raise Failed("%s is not a file of the base: a new file goes to its place in the "
                     "repository, not into build/tree" % rel)
    os.replace(place + ".new", place)


def copy(rel, source, target):
    """Copy one file from a tree to another, with its times."""
    place = os.path.join(target, rel)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    shutil.copy2(os.path.join(source, rel), place)


def touching(rel):
    """The patches that touch a file."""
    return {name for name in tree.applied() if rel in tree.patched_files(name)}


def choose(edited):
    """The patch that the edits belong to."""
    name = os.environ.get("NAME")
    if name:
        return name if name.endswith(".patch") else name + ".patch"
    common = set.intersection(*(touching(rel) for rel in edited))
    if len(common) == 1:
        return common.pop()
    raise Failed("edited:\n  %s\nNAME=... must say which patch it goes to%s" % (
        "\n  ".join(edited),
        ", one of: " + " ".join(sorted(common)) if common else " (a new name makes a new one)"))


def difference(edited):
    """The edits as a diff."""
    text = ""
    for rel in edited:
        done = subprocess.run(
            ["diff", "-u", "--label", "a/" + rel, "--label", "b/" + rel,
             os.path.join(FINAL, rel), os.path.join(EDITED, rel)],
            text=True, stdout=subprocess.PIPE, check=False)
        text += done.stdout
    return text


def goto(name):
    """Make the named patch the topmost applied one; it may be a new one."""
    tree.unpatch()
    if name in tree.series():
        tree.push(name)
        return
    tree.push()
    os.makedirs(PATCHES, exist_ok=True)
    tree.quilt("new", name)
    who = "%s <%s>" % (git_config("user.name"), git_config("user.email"))
    subject = os.environ.get("SUBJECT") or "FILL IN"
    tree.quilt("header", "-r", input=HEADER % (who, subject, who))


def refresh(name, edited):
    """Put the edits into the named patch and apply the ones after it."""
    diff = difference(edited)
    goto(name)
    for rel in edited:
        if rel not in tree.patched_files(name):
            tree.quilt("add", rel)
    tree.run("patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch", "--forward",
             "--reject-file=-", input=diff)
    tree.quilt("refresh")
    if tree.applied() != tree.series():
        tree.push()


def put_back(state, edited):
    """Undo a refresh that failed: the old patches, and the edits in the tree."""
    shutil.rmtree(PATCHES, ignore_errors=True)
    shutil.copytree(BEFORE, PATCHES)
    tree.unpatch()
    tree.push()
    tree.settle()
    state["patches"] = tree.patches_digest()
    tree.save_state(state)
    for rel in edited:
        copy(rel, EDITED, TREE)


def take(state, edited):
    """Move the edits into a patch."""
    name = choose(edited)
    for rel in edited:
        copy(rel, TREE, EDITED)
    shutil.rmtree(BEFORE, ignore_errors=True)
    os.makedirs(PATCHES, exist_ok=True)
    shutil.copytree(PATCHES, BEFORE)
    drop(edited)
    del state["patches"]
    tree.save_state(state)
    try:
        refresh(name, edited)
    except (Failed, KeyboardInterrupt) as error:
        put_back(state, edited)
        raise Failed("%s\npatches/ and the edits are as they were: do the edits belong to "
                     "another patch?" % error) from None
    # What is built from the edited files is built from the patched ones.
    for rel in edited:
        copy(rel, EDITED, FINAL)
    tree.settle()
    state["patches"] = tree.patches_digest()
    tree.save_state(state)
    shutil.rmtree(EDITED)
    shutil.rmtree(BEFORE)
    say("patches/%s has the edits of %s" % (name, " ".join(edited)))


def drop(edited):
    """Put the unedited files back into the tree."""
    for rel in edited:
        copy(rel, FINAL, TREE)
        os.utime(os.path.join(TREE, rel))


def main():
    """Entry."""
    lock = open(os.path.join(BUILD, ".lock"), "a", encoding="utf-8")
    fcntl.flock(lock, fcntl.LOCK_EX)
    state = tree.load_state()
    try:
        if "patches" not in state:
            raise Failed("the tree is not complete: 'make tree' first")
        edited = tree.edits()
        if not edited:
            say("no base file is edited in build/tree")
            return 0
        for rel in edited:
            original(rel)
        if os.environ.get("DROP"):
            drop(edited)
            say("put back: " + " ".join(edited))
        elif tree.patches_digest() != state["patches"]:
            raise Failed("patches/ changed since 'make tree'; move one of both changes away")
        else:
            take(state, edited)
    except Failed as error:
        print("patch: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
