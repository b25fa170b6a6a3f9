#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Do the steps that lead to a goal, showing which one runs, for how long, and its log.
Usage: steps.py GOAL [ARGUMENT...]    goals: deps, tree, kernel, run, shell, test, users, bench
Takes ARCH, KIND, TESTS, CMD, DEVICE, MOCK, V from the environment; see 'make help'."""
import ctypes
import fcntl
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import tree

HERE = os.path.dirname(os.path.realpath(__file__))
BUILD = tree.BUILD
LOGS = os.path.join(BUILD, "log")
VERBOSE = os.environ.get("V") == "1"
TAIL = 40
# The example that each machine runs, if nothing else is asked for.
STORIES = {"x86": "edu-dma", "arm64": "nested-dma"}


class Stopped(Exception):
    """A signal asked for the end; its number."""


class Step:
    """A named command. A live one talks to the user and has no log; one that
    builds does so in a directory of build/, alone."""

    def __init__(self, name, *argv, live=False, builds=None):
        self.name, self.live, self.builds = name, live, builds
        self.argv = [os.path.join(HERE, argv[0]), *argv[1:]]
        self.log = os.path.join(LOGS, re.sub(r"[^\w.]+", "-", name) + ".log")


def kernel_steps(arch, kind, programs=True):
    """What is needed for one machine of one kind."""
    names = ["kernel", "programs", "initramfs"] if programs else ["kernel"]
    return [Step("%s %s %s" % (name, arch, kind), name + ".sh", arch, kind,
                 builds="%s-%s" % (arch, kind)) for name in names]


def bench_kind():
    """Which kernel to measure: that with the mock IOMMU on request."""
    device = os.environ.get("DEVICE") or ("mock" if os.environ.get("MOCK") else "edu")
    if device not in ("edu", "mock"):
        raise SystemExit("steps: DEVICE is edu or mock")
    return "mock" if device == "mock" else "perf"


def plan(goal):
    """The steps of a goal."""
    arch, tests = os.environ.get("ARCH"), os.environ.get("TESTS", "").split()
    kind = os.environ.get("KIND") or ("test" if goal == "test" else "perf")
    if goal == "bench":
        kind = bench_kind()
    usual = {"test": ["x86", "arm64"], "run": ["arm64"]}.get(goal, ["x86"])
    arches = arch.split(",") if arch and goal != "users" else usual
    groups = {"deps": ["machine", "check"], "bench": ["machine", "bench"],
              "users": ["machine", "users"]}.get(goal, ["machine"])
    steps = [Step("deps", "deps.sh", *groups)]
    if goal == "deps":
        return steps
    steps.append(Step("tree", "tree.py"))
    if goal == "tree":
        return steps
    for one in arches:
        steps += kernel_steps(one, kind, programs=goal != "kernel")
    if goal == "run":
        command = shlex.split(os.environ.get("CMD") or STORIES[arches[0]])
        steps.append(Step("run " + arches[0], "boot.py", arches[0], kind, *command, live=True))
    elif goal == "shell":
        steps.append(Step("shell " + arches[0], "boot.py", arches[0], kind, live=True))
    elif goal == "test":
        steps.append(Step("test " + " ".join(arches), "test.py", ",".join(arches), kind,
                          *tests, live=True))
    elif goal == "users":
        steps.append(Step("users' programs", "users.sh", kind, builds="x86-" + kind))
        steps.append(Step("users", "users.py", kind, live=True))
    elif goal == "bench":
        steps.append(Step("bench programs %s %s" % (arches[0], kind), "bench.sh", arches[0], kind,
                          builds="%s-%s" % (arches[0], kind)))
        steps.append(Step("bench " + arches[0], "bench.py", arches[0], kind, live=True))
    elif goal != "kernel":
        raise SystemExit("steps: unknown goal %s" % goal)
    return steps


def child_setup():
    """In the child: a group of its own, and killed if we are."""
    pr_set_pdeathsig = 1
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def end_group(child):
    """Stop a step and all that it started; make removes half-made targets."""
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        try:
            os.killpg(child.pid, number)
            child.wait(patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
    child.wait()


def clock(seconds):
    """Minutes and seconds."""
    return "%d:%02d" % divmod(int(seconds), 60)


def wait_showing(child, head, log):
    """Wait for a step; on a terminal, keep its elapsed time on the line."""
    started = time.monotonic()
    live = sys.stdout.isatty() and not VERBOSE
    while True:
        try:
            child.wait(1 if live else None)
            break
        except subprocess.TimeoutExpired:
            print("\r%s %s  %s" % (head, clock(time.monotonic() - started), log),
                  end="", flush=True)
    if live:
        print("\r\033[K", end="")
    print("%s %s  %s" % (head, clock(time.monotonic() - started), log), flush=True)


def follow(child, log):
    """With V=1: show the output of a step as it goes into its log."""
    for line in child.stdout:
        sys.stdout.write(line)
        log.write(line)
    sys.stdout.flush()


def run_logged(step, head):
    """Run a step with its output in its log; shows the end of it on failure."""
    shown = os.path.relpath(step.log)
    if not sys.stdout.isatty() or VERBOSE:
        print("%s ...   %s" % (head, shown), flush=True)
    with open(step.log, "w", encoding="utf-8", errors="replace") as log:
        child = subprocess.Popen(step.argv, stdin=subprocess.DEVNULL, text=True,
                                 stdout=subprocess.PIPE if VERBOSE else log,
                                 stderr=subprocess.STDOUT, errors="replace",
                                 preexec_fn=child_setup)
        try:
            if VERBOSE:
                follow(child, log)
            wait_showing(child, head, shown)
        finally:
            end_group(child)
    with open(step.log, encoding="utf-8", errors="replace") as log:
        lines = log.read().splitlines()
    if child.returncode:
        print("\n".join(lines[-TAIL:]))
        print("%s FAILED (status %d), log: %s" % (head, child.returncode, shown))
    else:
        # What deps and tree did to the system is always said.
        for line in lines:
            if line.startswith(("deps: ", "tree: ")):
                print("        " + line)
    sys.stdout.flush()
    return child.returncode


def run_live(step, head):
    """Run the step that the user came for, on this terminal."""
    print(head, flush=True)
    child = subprocess.Popen(step.argv)
    while True:
        try:
            return child.wait()
        except (Stopped, KeyboardInterrupt):
            # The terminal sent ctrl-c to the child too; a kill reached us alone.
            child.terminate()


def flock(file, how):
    """Take a lock, and say so if that means to wait."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another make in this directory", flush=True)
        fcntl.flock(file, how)


def build(step, head, tree_lock):
    """Run a step under its lock: builds share the tree, a change of it waits for them."""
    if step.name == "tree":
        flock(tree_lock, fcntl.LOCK_SH)
        if tree.stale():
            flock(tree_lock, fcntl.LOCK_EX)
        status = run_logged(step, head)
        flock(tree_lock, fcntl.LOCK_SH)
        return status
    if not step.builds:
        return run_logged(step, head)
    with open(os.path.join(BUILD, ".lock-" + step.builds), "w", encoding="utf-8") as lock:
        flock(lock, fcntl.LOCK_EX)
        return run_logged(step, head)


def stop(number, _frame):
    """Turn a signal into an exception."""
    raise Stopped(number)


def main():
    """Entry."""
    steps = plan(sys.argv[1])
    os.makedirs(LOGS, exist_ok=True)
    tree_lock = open(os.path.join(BUILD, ".lock"), "w", encoding="utf-8")
    for number, step in enumerate(steps, 1):
        head = "[%d/%d] %s" % (number, len(steps), step.name)
        if VERBOSE:
            print("+ " + shlex.join(step.argv), flush=True)
        if step.live:
            tree_lock.close()
            return run_live(step, head)
        if build(step, head, tree_lock):
            return 1
    return 0


if __name__ == "__main__":
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, stop)
    try:
        sys.exit(main())
    except Stopped as reason:
        print("\nstopped", flush=True)
        sys.exit(128 + reason.args[0])
