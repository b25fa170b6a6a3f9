#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Bring build/tree up to date: base + patches/ by quilt + links to our files.
Usage: tree.py           make or update the tree
       tree.py --list    print our files that belong to the kernel tree, one a line"""
import filecmp
import hashlib
import json
import os
import shutil
import subprocess
import sys

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
BUILD = os.path.join(TOP, "build")
TREE = os.path.join(BUILD, "tree")
PATCHES = os.path.join(TOP, "patches")
# Each base file that a patch ever touched, as the last complete update left it.
FINAL = os.path.join(BUILD, "tree.final")
STATE = os.path.join(BUILD, "tree.json")
# Younger than each file of the base: what is newer was edited in the tree.
UNPACKED = os.path.join(BUILD, "tree.unpacked")
DEFAULT_BASE = "/usr/src/linux-source-6.1.tar.xz"

NOT_KERNEL = {"build", "patches"}
NOT_KERNEL_DIRS = {"tools/testing/machine"}
LEFT_OVERS = (".o", ".a", ".ko", ".cmd", ".orig", ".rej", ".pyc", "~", ".swp")
# What checkpatch remembers, named by the base's commit or the day
CHECKPATCH_CACHE = ".checkpatch-camelcase."


class Failed(Exception):
    """Something the user has to know and mend; its text is the message."""


def say(text):
    print("tree: " + text, flush=True)


def run(*argv, **kwargs):
    """Run a command in the tree; Failed with its output if it does not succeed."""
    if os.environ.get("V") == "1":
        print("+ " + " ".join(argv), flush=True)
    done = subprocess.run(argv, cwd=kwargs.pop("cwd", TREE), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **kwargs)
    if done.returncode:
        raise Failed("%s:\n%s" % (" ".join(argv), done.stdout))
    return done.stdout


def quilt(*args, **kwargs):
    """quilt with this project's settings and no user's ~/.quiltrc."""
    env = dict(os.environ, QUILT_PATCHES=PATCHES, QUILT_NO_DIFF_INDEX="1",
               QUILT_NO_DIFF_TIMESTAMPS="1", QUILT_DIFF_ARGS="-p ab",
               QUILT_REFRESH_ARGS="-p ab", QUILT_PATCH_OPTS="--no-backup-if-mismatch")
    return run("quilt", "--quiltrc", "-", *args, env=env, **kwargs)


# Our files

def ours():
    """Paths, relative to the top, of our files that belong to the kernel tree."""
    found = []
    for where, dirs, names in os.walk(TOP):
        rel = os.path.relpath(where, TOP)
        if rel == ".":
            dirs[:] = sorted(d for d in dirs if d[0] != "." and d not in NOT_KERNEL)
            continue
        dirs[:] = sorted(d for d in dirs if d != "__pycache__"
                         and os.path.join(rel, d) not in NOT_KERNEL_DIRS)
        found += [os.path.join(rel, n) for n in sorted(names)
                  if (n[0] != "." or n == ".gitignore") and not n.endswith(LEFT_OVERS)]
    return found


def link(rel):
    """Make the tree's link to one of our files; True if it was not there."""
    place = os.path.join(TREE, rel)
    target = os.path.relpath(os.path.join(TOP, rel), os.path.dirname(place))
    if os.path.islink(place):
        if os.readlink(place) == target:
            return False
        os.unlink(place)
    elif os.path.lexists(place):
        raise Failed("%s is a file of the base: change it by a patch" % rel)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    os.symlink(target, place)
    return True


def unlink(rel):
    """Remove a link whose file is gone, and the directories it leaves empty."""
    place = os.path.join(TREE, rel)
    if os.path.islink(place):
        os.unlink(place)
    where = os.path.dirname(place)
    while where != TREE and os.path.isdir(where) and not os.listdir(where):
        os.rmdir(where)
        where = os.path.dirname(where)


def sync_links(state):
    """Make the tree's links those of our present files."""
    wanted = ours()
    stale = set(state.get("links", [])) - set(wanted)
    state["links"] = sorted(stale | set(wanted))
    save_state(state)
    for rel in stale:
        unlink(rel)
    made = sum(link(rel) for rel in wanted)
    state["links"] = wanted
    save_state(state)
    if made or stale:
        say("our files: %d linked, %d gone, %d in all" % (made, len(stale), len(wanted)))


# State

def load_state():
    """What the last update left on record; empty if there is no tree."""
    try:
        with open(STATE, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def save_state(state):
    """Write the record so that it is whole or not there."""
    with open(STATE + ".new", "w", encoding="utf-8") as file:
        json.dump(state, file, indent=1)
    os.replace(STATE + ".new", STATE)


# Base

def base_tarball():
    """The tarball to unpack: BASE=, or what Debian's package installed."""
    path = os.path.abspath(os.environ.get("BASE") or DEFAULT_BASE)
    if not os.path.isfile(path):
        raise Failed("no base: %s is missing; 'make deps' or BASE=linux-6.1.y.tar.xz" % path)
    return path


def base_identity(path):
    """A short text that changes when the tarball does."""
    info = os.stat(path)
    return "%s %d %d" % (path, info.st_size, info.st_mtime_ns)


def check_version(tree):
    """Refuse a base that is not 6.1.y."""
    with open(os.path.join(tree, "Makefile"), encoding="utf-8") as file:
        head = [next(file).split("=")[-1].strip() for _ in range(4)][1:]
    if head[:2] != ["6", "1"]:
        raise Failed("the base is Linux %s, not 6.1.y" % ".".join(head))
    return ".".join(head)


def unpack(path):
    """Replace the tree, and all that was built from it, by the tarball's content."""
    say("unpacking %s" % path)
    fresh = TREE + ".new"
    for old in os.listdir(BUILD):
        if old in ("tree", "tree.new", "tree.final", "tree.json") or \
           old.startswith(("x86", "arm64")):
            run("rm", "-rf", os.path.join(BUILD, old), cwd=BUILD)
    os.mkdir(fresh)
    run("tar", "-xf", path, "-C", fresh, "--strip-components=1", cwd=BUILD)
    version = check_version(fresh)
    os.mkdir(os.path.join(fresh, ".pc"))
    with open(os.path.join(fresh, ".pc/.version"), "w", encoding="utf-8") as file:
        file.write("2\n")
    with open(UNPACKED, "w", encoding="utf-8") as file:
        file.write(version + "\n")
    os.rename(fresh, TREE)
    say("base is Linux %s" % version)


# Patches

def series():
    """The names in patches/series, in order."""
    try:
        with open(os.path.join(PATCHES, "series"), encoding="utf-8") as file:
            lines = [line.split("#")[0].split() for line in file]
    except FileNotFoundError:
        return []
    return [words[0] for words in lines if words]


def patches_digest():
    """A digest of the series and of each patch's content."""
    digest = hashlib.sha256()
    for name in series():
        try:
            with open(os.path.join(PATCHES, name), "rb") as file:
                digest.update(name.encode() + b"\0" + file.read())
        except FileNotFoundError:
            raise Failed("patches/series names %s, which is missing" % name) from None
    return digest.hexdigest()


def applied():
    """The patches now applied, in order."""
    try:
        with open(os.path.join(TREE, ".pc/applied-patches"), encoding="utf-8") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def patched_files(name):
    """The files that an applied patch touches, from quilt's backups."""
    top = os.path.join(TREE, ".pc", name)
    return [os.path.relpath(os.path.join(where, file), top)
            for where, _, files in os.walk(top) for file in files
            if file != ".timestamp"]


def unpatch():
    """Take all patches off, from quilt's backups: the patch files may have changed."""
    for name in reversed(applied()):
        backups = os.path.join(TREE, ".pc", name)
        for rel in patched_files(name):
            backup, place = os.path.join(backups, rel), os.path.join(TREE, rel)
            if os.path.getsize(backup):
                os.makedirs(os.path.dirname(place), exist_ok=True)
                if os.path.lexists(place):
                    os.unlink(place)
                shutil.copy2(backup, place)
            elif os.path.lexists(place):
                os.unlink(place)
    for name in os.listdir(os.path.join(TREE, ".pc")):
        path = os.path.join(TREE, ".pc", name)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif name == "applied-patches":
            os.unlink(path)


def push(upto=None):
    """Apply the series, or its start up to one patch; no fuzz, no rejects."""
    if series():
        quilt("push", "--fuzz=0", *([upto] if upto else ["-a"]))


def final_files():
    """The files in FINAL, relative."""
    return [os.path.relpath(os.path.join(where, file), FINAL)
            for where, _, files in os.walk(FINAL) for file in files]


def same(one, two):
    """True if both are there with one content, or neither is."""
    if not os.path.exists(one) or not os.path.exists(two):
        return os.path.exists(one) == os.path.exists(two)
    return filecmp.cmp(one, two, shallow=False)


def settle():
    """Give files that came out as they were their old time, so that make
    rebuilds what changed and no more, and take the copies for next time."""
    touched = set(final_files()).union(*(patched_files(name) for name in applied()))
    for rel in touched:
        place, final = os.path.join(TREE, rel), os.path.join(FINAL, rel)
        if same(place, final):
            if os.path.exists(final):
                shutil.copystat(final, place)
        elif os.path.exists(place):
            os.utime(place)
            os.makedirs(os.path.dirname(final), exist_ok=True)
            shutil.copy2(place, final)
        else:
            os.unlink(final)


def edits():
    """Base files changed in the tree by hand since the last update."""
    known = set(final_files())
    found = {rel for rel in known
             if not same(os.path.join(TREE, rel), os.path.join(FINAL, rel))}
    newer = run("find", ".", "-path", "./.pc", "-prune", "-o", "-type", "f",
                "-newer", UNPACKED, "-print")
    found |= {line[2:] for line in newer.splitlines()} - known
    return sorted(rel for rel in found if not rel.endswith(LEFT_OVERS)
                  and not rel.startswith(CHECKPATCH_CACHE))


def sync_patches(state):
    """Apply the series anew if its content changed."""
    digest = patches_digest()
    if state.get("patches") == digest:
        return
    # An interrupted update leaves files half way: no edits of the user's.
    if "patches" in state:
        edited = edits()
        if edited:
            raise Failed("patches/ changed, and so did these files of build/tree:\n  "
                         + "\n  ".join(edited) + "\n'make patch' takes them into a patch; "
                         "'make patch DROP=1' drops the edits")
        del state["patches"]
        save_state(state)
    unpatch()
    try:
        push()
    finally:
        settle()
    state["patches"] = digest
    save_state(state)
    say("%d patches applied" % len(series()))


def stale():
    """True if update() has anything to do."""
    state = load_state()
    try:
        return (state.get("base") != base_identity(base_tarball())
                or state.get("patches") != patches_digest()
                or state.get("links") != ours())
    except Failed:
        return True


def update():
    """Do what has to be done."""
    os.makedirs(BUILD, exist_ok=True)
    path = base_tarball()
    state = load_state()
    if state.get("base") != base_identity(path) or not os.path.isdir(TREE):
        unpack(path)
        state = {"base": base_identity(path)}
        save_state(state)
    os.makedirs(FINAL, exist_ok=True)
    sync_patches(state)
    sync_links(state)


def main():
    """Entry."""
    if sys.argv[1:] == ["--list"]:
        print("\n".join(ours()))
        return 0
    try:
        update()
    except Failed as error:
        print("tree: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
