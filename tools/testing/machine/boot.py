#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Boot the machine under QEMU, run a command in it, and judge how the kernel fared.
Usage: boot.py x86|arm64 KIND COMMAND...    exits with the command's status
       boot.py x86|arm64 KIND               gives a prompt on the terminal"""
import ctypes
import fcntl
import os
import selectors
import shlex
import signal
import socket
import subprocess
import sys
import time

import iort
import judge

HERE = os.path.dirname(os.path.realpath(__file__))
BUILD = os.path.join(os.path.realpath(os.path.join(HERE, "../../..")), "build")
MEMORY = {"perf": "2G", "mock": "2G", "test": "2G", "kasan": "3G"}

# edu copies memory to and from itself by DMA. Its stock mask of 28 bits would
# cut IOVAs short.
EDU = "edu,dma_mask=0xffffffffffffffff"

# The devices of both machines: edu0 and edu1 have a group each, edu3 and edu4
# are two functions in one group. A bus reset reaches those behind a root port.
# edu5 and edu6 share a group too, but not a bus that can be reset: nothing in
# VFIO keeps them from being attached at the same time. peer does no DMA, but
# has a BAR of memory, 1 MiB, that others can do DMA to.
DEVICES = [
    EDU + ",id=edu0,bus=pcie.0,addr=0x2",
    EDU + ",id=edu1,bus=pcie.0,addr=0x3",
    "pcie-root-port,id=rp0,bus=pcie.0,addr=0x4,chassis=1",
    EDU + ",id=edu2,bus=rp0,addr=0x0",
    "pcie-root-port,id=rp1,bus=pcie.0,addr=0x5,chassis=2",
    EDU + ",id=edu3,bus=rp1,addr=0x0.0x0,multifunction=on",
    EDU + ",id=edu4,bus=rp1,addr=0x0.0x1,multifunction=on",
    EDU + ",id=edu5,bus=pcie.0,addr=0x9.0x0,multifunction=on",
    EDU + ",id=edu6,bus=pcie.0,addr=0x9.0x1,multifunction=on",
    "pcie-root-port,id=rp2,bus=pcie.0,addr=0x6,chassis=3",
    "ivshmem-plain,id=peer,memdev=peer-memory,bus=rp2,addr=0x0",
    "virtio-serial-pci,id=serial,bus=pcie.0,addr=0x8",
]
# Where the kernel is one for tests: a device with virtual functions, which need a
# kernel that knows them.
TEST_DEVICES = [
    "pcie-root-port,id=rp3,bus=pcie.0,addr=0x7,chassis=4",
    "igb,id=igb0,bus=rp3,addr=0x0,romfile=",
]

MACHINES = {
    "x86": {
        "args": ["-machine", "q35", "-cpu", "max",
                 # Before the devices, that their DMA may go through it.
                 "-device", "intel-iommu,x-scalable-mode=on,x-pasid-mode=on,"
                 "intremap=on,aw-bits=48"],
        "console": "ttyS0",
        # The kernel counts timer ticks against its own busy loop, and panics
        # where a busy host lets the emulated CPU see too few of them.
        "cmdline": " no_timer_check",
    },
    "arm64": {
        # Both stages of the SMMU. The CPU's physical addresses are not wider
        # than the SMMU's, or the SMMU could not share its page tables.
        "args": ["-machine", "virt,gic-version=3,its=on,iommu=smmuv3",
                 "-cpu", "cortex-a76", "-global", "arm-smmuv3.stage=nested"],
        "console": "ttyAMA0",
        "cmdline": "",
    },
}
# Where distributions keep the firmware by which arm64 finds ACPI's tables.
FIRMWARE = ("/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", "/usr/share/AAVMF/AAVMF_CODE.fd",
            "/usr/share/edk2/aarch64/QEMU_EFI.fd")

PORTS = ("out", "log", "result")
# A guest comes up in 5 to 30 seconds, more when the host is busy.
UP_SECONDS = 150


def find_firmware():
    """The path of the firmware."""
    for path in FIRMWARE:
        if os.path.exists(path):
            return path
    raise SystemExit("boot: no firmware for arm64 (Debian: qemu-efi-aarch64): " +
                     " ".join(FIRMWARE))


class Setting:
    """What can be different from run to run: the CPUs, the memory, more words for
    QEMU and the kernel, and files and cpio archives to lay over the guest's root. With
    acpi the arm64 machine boots by firmware, and its SMMU can nest: see iort.py."""

    def __init__(self, cpu=None, memory=None, words=(), cmdline="", files=(), archives=(),
                 acpi=False):
        self.cpu = cpu or ["-accel", "tcg,thread=multi", "-smp", "2"]
        self.memory, self.words, self.cmdline = memory, list(words), cmdline
        self.files, self.archives, self.acpi = list(files), list(archives), acpi
        if acpi:
            self.words += ["-bios", find_firmware()]
            self.cmdline += " acpi=force"


class Outcome:
    """How a run ended. status is the command's exit status, None if the guest
    never sent it; problems and reports each make the run a failure."""

    def __init__(self):
        self.status = None
        self.problems = []
        self.reports = []
        self.log = []

    def good(self):
        """True if the kernel and the machine did as they should."""
        return not self.problems and not self.reports

    def exit_status(self):
        """The command's, but never 0 when it did not end or the kernel complained."""
        if self.status is None:
            return 1
        return self.status or (0 if self.good() else 1)

    def show(self, logs):
        """Say what went wrong, if anything did."""
        for report in self.reports:
            print("\n--- the kernel reports:\n" + "\n".join(report) + "\n---")
        for problem in self.problems:
            print("machine: " + problem)
        if not self.good():
            print("machine: logs are in " + os.path.relpath(logs))


def die_with_parent():
    """In the child: be killed when the runner is, however it ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def newc_file(name, content, mode=0o100755):
    """A cpio archive of one file, to lay over the initramfs or before it."""
    def entry(name, content, mode):
        fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        data = b"070701" + b"".join(b"%08X" % field for field in fields)
        data += name.encode() + b"\0"
        data += b"\0" * (-len(data) % 4) + content
        return data + b"\0" * (-len(data) % 4)
    return entry(name, content, mode) + entry("TRAILER!!!", b"", 0)


def built(arch, kind):
    """The directory and the kernel image that the build left."""
    out = os.path.join(BUILD, "%s-%s" % (arch, kind))
    with open(os.path.join(out, ".built"), encoding="utf-8") as file:
        return out, os.path.join(out, file.read().strip())


def qemu_argv(arch, kind, initrd, setting=Setting()):
    """QEMU's command line, but for the console and the ports."""
    machine = MACHINES[arch]
    _, image = built(arch, kind)
    qemu = subprocess.run([os.path.join(HERE, "qemu-bin.sh"), arch], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()
    cmdline = "console=%s panic=-1%s" % (machine["console"], machine["cmdline"])
    cmdline += setting.cmdline
    devices = DEVICES
    if kind in ("test", "kasan"):
        # End a hang at once, with the report; the others have no detector.
        cmdline += " sysctl.kernel.hung_task_panic=1"
        devices = devices + TEST_DEVICES
    argv = [qemu, *machine["args"], *setting.cpu, *setting.words,
            "-object", "memory-backend-ram,id=peer-memory,size=1M",
            "-m", setting.memory or MEMORY[kind], "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-kernel", image, "-initrd", initrd, "-append",
            (cmdline + " " + os.environ.get("CMDLINE", "")).strip()]
    for device in devices:
        argv += ["-device", device]
    return argv


class Run:
    """One boot with a command, from start to outcome."""

    def __init__(self, arch, kind, command, logs, on_output, setting=Setting()):
        self.logs, self.on_output = logs, on_output
        self.received = {port: b"" for port in PORTS}
        self.selector = selectors.DefaultSelector()
        os.makedirs(logs, exist_ok=True)
        self.console = os.path.join(logs, "console.log")
        out, _ = built(arch, kind)
        self.initrd = os.path.join(logs, "initrd")
        with open(self.initrd, "wb") as file:
            if setting.acpi:
                file.write(newc_file(iort.PATH, iort.table()))
            with open(os.path.join(out, "initramfs"), "rb") as base:
                file.write(base.read())
            file.write(newc_file("command", command.encode()))
            for path in setting.files:
                with open(path, "rb") as more:
                    file.write(newc_file(os.path.basename(path), more.read()))
            for path in setting.archives:
                with open(path, "rb") as more:
                    file.write(more.read())
        self.argv = qemu_argv(arch, kind, self.initrd, setting)
        self.argv += ["-serial", "file:" + self.console]

    def _ports(self):
        """A socket for each port; returns QEMU's ends."""
        theirs = []
        for number, port in enumerate(PORTS, 1):
            our, their = socket.socketpair()
            self.selector.register(our, selectors.EVENT_READ, port)
            theirs.append(their)
            self.argv += ["-chardev", "socket,id=%s,fd=%d" % (port, their.fileno()),
                          "-device", "virtserialport,bus=serial.0,nr=%d,chardev=%s,name=%s"
                          % (number, port, port)]
        return theirs

    def _receive(self, seconds):
        """Take what the ports sent until QEMU closed them all; False on timeout."""
        started = time.monotonic()
        while self.selector.get_map():
            allowed = seconds if self.received["result"] else min(seconds, UP_SECONDS)
            left = started + allowed - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self.selector.select(left):
                data = key.fileobj.recv(65536)
                if not data:
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()
                self.received[key.data] += data
                if key.data == "out" and data:
                    self.on_output(data)
        return True

    def execute(self, seconds):
        """Boot, wait for the end, and return the Outcome."""
        theirs = self._ports()
        with open(os.path.join(self.logs, "qemu.cmd"), "w", encoding="utf-8") as file:
            file.write(shlex.join(self.argv) + "\n")
        if os.environ.get("V") == "1":
            print("+ " + shlex.join(self.argv), flush=True)
        with open(os.path.join(self.logs, "qemu.log"), "w", encoding="utf-8") as errors:
            qemu = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stderr=errors,
                                    stdout=errors, preexec_fn=die_with_parent,
                                    pass_fds=[end.fileno() for end in theirs])
        try:
            for end in theirs:
                end.close()
            ended = self._receive(seconds)
        finally:
            self._end(qemu)
            os.unlink(self.initrd)
        return self._outcome(ended, qemu.returncode, seconds)

    def _end(self, qemu):
        """Reap QEMU: by itself if it closed the ports, else by force."""
        try:
            qemu.wait(0 if self.selector.get_map() else 5)
        except subprocess.TimeoutExpired:
            qemu.kill()
            qemu.wait()

    def _outcome(self, ended, qemu_status, seconds):
        outcome = Outcome()
        words = self.received["result"].decode(errors="replace").split()
        outcome.log = self.received["log"].decode(errors="replace").splitlines()
        console = read_lines(self.console)
        with open(os.path.join(self.logs, "kernel.log"), "w", encoding="utf-8") as file:
            file.write("\n".join(outcome.log) + "\n")
        with open(os.path.join(self.logs, "output.log"), "wb") as file:
            file.write(self.received["out"])
        if len(words) == 3 and words[1] == "exit":
            outcome.status = int(words[2])
        elif not ended:
            outcome.problems.append("%s: killed. The console ends:\n  %s" % (
                "no end after %d seconds" % seconds if words else "did not come up",
                "\n  ".join(console[-8:])))
        elif qemu_status:
            outcome.problems.append("QEMU ended with status %d:\n%s" % (
                qemu_status, "".join(read_lines(os.path.join(self.logs, "qemu.log")))))
        else:
            outcome.problems.append("the guest ended without a result. The console ends:\n  %s"
                                    % "\n  ".join(console[-8:]))
        outcome.reports = judge.judge(outcome.log, console)
        if outcome.status is not None and not judge.complete(outcome.log):
            outcome.problems.append("the guest's kernel log did not come out whole")
        return outcome


def read_lines(path):
    """A file's lines, none if it is not there."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def show_output(data):
    """Pass the guest's output on as it comes."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def run(arch, kind, command, seconds, name="run", on_output=show_output, setting=Setting()):
    """Boot and run a shell command; returns the Outcome and the logs' place."""
    logs = os.path.join(BUILD, "log", "%s-%s-%s" % (arch, kind, name))
    os.makedirs(os.path.dirname(logs), exist_ok=True)
    with open(logs + ".lock", "w", encoding="utf-8") as lock:
        # A second run would write to the same files: it waits.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return Run(arch, kind, command, logs, on_output, setting).execute(seconds), logs


def shell(arch, kind, setting):
    """An interactive prompt on this terminal."""
    out, _ = built(arch, kind)
    initrd = os.path.join(out, "initramfs")
    if setting.acpi:
        with open(initrd + ".acpi", "wb") as file, open(initrd, "rb") as base:
            file.write(newc_file(iort.PATH, iort.table()) + base.read())
        initrd += ".acpi"
    argv = qemu_argv(arch, kind, initrd, setting)
    argv += ["-chardev", "stdio,id=tty,mux=on,signal=off", "-serial", "chardev:tty",
             "-mon", "chardev=tty"]
    argv[argv.index("-append") + 1] += " loglevel=4"
    return subprocess.run(argv, preexec_fn=die_with_parent, check=False).returncode


def main():
    """Entry."""
    arch, kind, *command = sys.argv[1:]
    setting = Setting(acpi=arch == "arm64" and os.environ.get("ACPI") != "0")
    if not command:
        return shell(arch, kind, setting)
    seconds = int(os.environ.get("TIMEOUT") or 600)
    outcome, logs = run(arch, kind, shlex.join(command), seconds, setting=setting)
    outcome.show(logs)
    return outcome.exit_status()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
