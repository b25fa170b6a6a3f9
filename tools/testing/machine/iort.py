#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make the IORT of the arm64 machine that boots by firmware, as the guest's kernel takes it.
Usage: iort.py [FILE]    writes the table; boot.py lays it before the initramfs
It differs from QEMU's in that the root complex keeps memory coherent whatever a
device asks for (CANWBS), and that devices on all buses go through the SMMU."""
import struct
import sys

PATH = "kernel/firmware/acpi/IORT.aml"

# QEMU's virt: where its SMMU is, and the interrupts of event queue, PRI queue,
# errors and syncs.
SMMU = 0x09050000
INTERRUPTS = 106, 107, 109, 108

ITS_GROUP, ROOT_COMPLEX, SMMU_V3 = 0, 2, 4
HEADER = struct.Struct("<4sIBB6s8sI4sI")
NODE = struct.Struct("<BHBIII")
FIRST = HEADER.size + 12

# Devices as such are coherent, by their attributes, and cannot avoid it.
COHERENT = 1
CPM, DACS, CANWBS = 1, 2, 4


def node(kind, revision, identifier, body, mappings=()):
    """A node, with mappings of (first, last, output, reference)."""
    offset = NODE.size + len(body)
    data = b"".join(struct.pack("<IIIII", first, last - first, output, reference, 0)
                    for first, last, output, reference in mappings)
    head = NODE.pack(kind, offset + len(data), revision, identifier, len(mappings),
                     offset if mappings else 0)
    return head + body + data


def table():
    """The table with its checksum."""
    its = node(ITS_GROUP, 1, 0, struct.pack("<II", 1, 0))
    smmu_at = FIRST + len(its)
    smmu = node(SMMU_V3, 4, 1,
                struct.pack("<QIIQIIIIIII", SMMU, COHERENT, 0, 0, 0, *INTERRUPTS, 0, 0),
                [(0, 0xffff, 0, FIRST)])
    root = node(ROOT_COMPLEX, 3, 2,
                struct.pack("<IBHBIIBHB", COHERENT, 0, 0, CPM | DACS | CANWBS, 0, 0, 64, 0, 0),
                [(0, 0xffff, 0, smmu_at)])
    nodes = [its, smmu, root]
    body = struct.pack("<III", len(nodes), FIRST, 0) + b"".join(nodes)
    # The names are those of QEMU's table, but it is newer: that replaces it.
    head = HEADER.pack(b"IORT", HEADER.size + len(body), 3, 0, b"BOCHS ", b"BXPC    ", 2,
                       b"SEED", 1)
    data = bytearray(head + body)
    data[9] = -sum(data) & 0xff
    return bytes(data)


if __name__ == "__main__":
    with open(sys.argv[1] if len(sys.argv) > 1 else "/dev/stdout", "wb") as output:
        output.write(table())
