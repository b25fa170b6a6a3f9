#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run iommuctl on recorded text: what it prints, its exit status, that JSON is JSON.
Usage: check-cli.py PROGRAM DIRECTORY    of the recorded texts"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

PROGRAM, TEXTS = sys.argv[1:]
failures = []

TREE = """\
iommufd 17, 6 objects
|-- IOAS 2: 8 KiB in 2 areas, 8 KiB pinned in 2 extents; granule 4 KiB
|   |-- HWPT_PAGING 3: made by an attach; pages of 4 KiB, 2 MiB, 1 GiB; \
IOVA 0x0 to 0x1ffffffffffff; enforces coherency
|   |   `-- DEVICE 1: 0000:00:02.0, IOMMU group 1
|   `-- ACCESS 5: in the kernel, 3 pages pinned
|-- DEVICE 4: 0000:00:03.0, IOMMU group 2; not attached
`-- ACCESS 6: in the kernel, 0 pages pinned; not attached
"""

NEWER = """\
iommufd 18446744073709551615, 8 objects
|-- IOAS 2: 1.5 GiB in 1 area, nothing pinned; granule 2 KiB
|   `-- HWPT_PAGING 3: pages of 2 KiB and all larger powers of 2; \
IOVA 0x1000000 to 0x7fffffff; tracks dirty pages
|       `-- VIOMMU 9: type arm_smmuv3
|           |-- HWPT_NESTED 7 -> FAULT 8
|           |   `-- DEVICE 1: 0000:00:02.0, IOMMU group 1
|           `-- VDEVICE 10: vsid 0x18 -> DEVICE 1
|-- FAULT 8: depth 2
`-- SELFTEST 11
"""

NESTED = """\
iommufd 23, 12 objects
|-- IOAS 2: 1 GiB in 1 area, 1 GiB pinned in 1 extent; granule 4 KiB
|   `-- HWPT_PAGING 3: pages of 4 KiB, 2 MiB, 1 GiB; \
IOVA 0x0 to 0xffffffffffff; enforces coherency
|       `-- VIOMMU 4: type Arm SMMUv3, on smmu3.0x0000000009050000
|           |-- HWPT_NESTED 6 -> HWPT_PAGING 3 -> FAULT 5
|           |   `-- DEVICE 1: 0000:00:02.0, IOMMU group 1; \
PASID 5: HWPT 7; PASID 1048575: HWPT 3
|           |-- HWPT_NESTED 7 -> HWPT_PAGING 3
|           |-- VDEVICE 8: 0x18 in the VM -> DEVICE 1
|           |-- VDEVICE 9: 0x20 in the VM; the device is gone
|           |-- VEVENTQ 10: type Arm SMMUv3; 1 of 64 events waits; 17 lost
|           `-- HW_QUEUE 11: type 0x7, 64 KiB at 0x40000000 of the VM
|-- FAULT 5: 3 of 1024 page requests wait; 1 group refused
`-- FAULT 12: 1 of 1024 page requests waits; 0 groups refused
"""

CIRCLE = """\
iommufd:\tctx 1
hwpt_nested:\tid 1 refs 1 parent 2
hwpt_nested:\tid 2 refs 1 parent 1
"""


def run(*arguments):
    """Status, output and errors."""
    done = subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def check(what, expected, got):
    """Note it if they differ."""
    if expected != got:
        failures.append("%s: expected\n%s\ngot\n%s" % (what, expected, got))


def recorded(name):
    """The path of a recorded text."""
    return os.path.join(TEXTS, name + ".fdinfo")


def check_output():
    """Trees, graphs and JSON of what is recorded."""
    for name, tree in (("two-devices", TREE), ("newer", NEWER), ("nested", NESTED)):
        check("tree", (0, tree, ""), run("show", "--file", recorded(name)))

    status, out, _ = run("-j", "show", "-f", recorded("two-devices"))
    shown = json.loads(out)
    check("json", (0, 17, 6), (status, shown[0]["iommufd"], len(shown[0]["objects"])))
    check("json of an ioas", {"type": "ioas", "id": 2, "refs": 1, "areas": 2, "bytes": 8192,
                              "pinned": 8192, "extents": 2, "alignment": 4096},
          shown[0]["objects"][1])

    status, out, _ = run("graph", "--json", "-f", recorded("newer"))
    graph = json.loads(out)[0]
    edges = {(edge["from"], edge["to"], edge["key"]) for edge in graph["edges"]}
    check("edges", (0, {(1, 7, "hwpt"), (3, 2, "ioas"), (7, 9, "viommu"), (7, 8, "fault"),
                        (9, 3, "hwpt"), (10, 9, "viommu"), (10, 1, "device")}),
          (status, edges))
    check("nodes", {1, 2, 3, 7, 8, 9, 10, 11}, {node["id"] for node in graph["nodes"]})


def check_pasids():
    """A device is attached by PASID to other HWPTs than without, and arrows say so."""
    status, out, _ = run("graph", "--json", "-f", recorded("nested"))
    edges = json.loads(out)[0]["edges"]
    check("pasids", (0, [(1, 7, 5), (1, 3, 1048575)]),
          (status, [(edge["from"], edge["to"], edge["pasid"]) for edge in edges
                    if edge["key"] == "pasids"]))
    check("fault", True, {"from": 6, "to": 5, "key": "fault"} in edges)
    words = {node["id"]: node["words"] for node in json.loads(out)[0]["nodes"]}
    check("words", "type Arm SMMUv3; 1 of 64 events waits; 17 lost", words[10])
    status, out, _ = run("graph", "-f", recorded("nested"))
    for line in ('    "23.1" -> "23.7" [label="PASID 5"];', '    "23.6" -> "23.5";',
                 '    "23.10" [shape=cds, label="VEVENTQ 10\\ntype Arm SMMUv3'
                 '\\n1 of 64 events waits\\n17 lost"];'):
        check("line of the graph", True, line in out.splitlines())
    status, out, _ = run("--json", "show", "-f", recorded("nested"))
    check("json of a fault", {"type": "fault", "id": 5, "refs": 2, "requests": 3,
                              "refused": 1, "depth": 1024}, json.loads(out)[0]["objects"][4])


def check_graph():
    """Dot's language, and the picture where there is dot."""
    status, out, _ = run("graph", "-f", recorded("two-devices"))
    check("dot", (0, True), (status, out.startswith("digraph iommufd {\n")))
    for line in ('    "17.3" -> "17.2";', '    "17.1" -> "17.3";'):
        check("arrow", True, line in out.splitlines())
    check("arrows", 3, out.count("->"))
    status, out, err = run("graph", "--svg", "-f", recorded("two-devices"))
    if shutil.which("dot"):
        check("svg", (0, True), (status, "<svg" in out))
    else:
        check("no dot", (1, "", True), (status, out, "not installed" in err))


def check_bad():
    """What must be refused, and how."""
    for status, *arguments in (
            (2,), (2, "frob"), (2, "show"), (2, "show", "0"), (2, "show", "12x"),
            (2, "show", "1", "2"), (2, "list", "1"), (2, "--frob"), (2, "info"),
            (2, "graph", "-j", "-s", "1"), (2, "show", "-s", "1"), (2, "show", "-f"),
            (2, "show", "-f", "x", "1"), (2, "list", "-f", "x"), (2, "info", "-s", "vfio0"),
            (1, "show", "-f", "/nonexistent"), (1, "show", "-f", "/"),
            (1, "show", "-f", os.devnull), (3, "show", "2147483647"),
            (3, "show", str(os.getpid())), (1, "info", "/nonexistent"),
            (1, "info", os.devnull), (1, "info", "no-such-device")):
        got = run(*arguments)
        check("status of %s" % (arguments,), (status, "", True),
              (got[0], got[1], got[2].startswith("iommuctl: ")))
    status, out, err = run("--help")
    check("help", (0, True, ""), (status, out.startswith("usage: iommuctl "), err))
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False)
    check("a full disk", (1, True), (done.returncode, "cannot write" in done.stderr))


def check_hostile():
    """Text that no kernel writes: it ends, and quotes stay quotes."""
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, "fdinfo")
        with open(path, "w", encoding="latin-1") as file:
            file.write(CIRCLE)
        status, out, _ = run("show", "-f", path)
        check("circle", (0, 3), (status, len(out.splitlines())))
        with open(path, "w", encoding="latin-1") as file:
            file.write('iommufd:\tctx 1\ndevice:\tid 1 refs 0 name a"\\\x01\xff group 1\n')
        _, out, _ = run("show", "-j", "-f", path)
        check("quotes", 'a"\\\x01\xff', json.loads(out)[0]["objects"][0]["name"])


def main():
    """Entry."""
    check_output()
    check_pasids()
    check_graph()
    check_bad()
    check_hostile()
    for failure in failures:
        print(failure)
    print("command line: %d failed" % len(failures))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
