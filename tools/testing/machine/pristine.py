#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Keep, in build/pristine, the base's own text of the directories the series touches.
Usage: pristine.py              bring it up to date and print the directory
       pristine.py --patched    print the paths of the base that patches/ change
What is compared with the base compares with this, straight from the tarball."""
import json
import os
import re
import subprocess
import sys
import tarfile

import tree

PRISTINE = os.path.join(tree.BUILD, "pristine")
STATE = os.path.join(tree.BUILD, "pristine.json")
# Whole directories, so that a patch that touches one more file finds it there.
ALWAYS = ("MAINTAINERS", "drivers/iommu/", "drivers/vfio/", "include/linux/",
          "include/uapi/linux/", "Documentation/userspace-api/",
          "Documentation/dev-tools/", "Documentation/driver-api/")


def patched():
    """The paths that the patches of the series name, old or new."""
    paths = set()
    for name in tree.series():
        with open(os.path.join(tree.PATCHES, name), encoding="utf-8") as file:
            found = re.findall(r"^(?:---|\+\+\+) [ab]/([^\t\n]+)", file.read(), re.M)
        paths.update(found)
    return sorted(paths)


def extract(tarball, names, prefixes):
    """Unpack from the tarball what is named or is below one of the prefixes."""
    subprocess.run(["rm", "-rf", PRISTINE], check=True)
    os.makedirs(PRISTINE)
    with tarfile.open(tarball, "r|*") as archive:
        for member in archive:
            rel = member.name.partition("/")[2]
            if not member.isfile() or not (rel in names or rel.startswith(prefixes)):
                continue
            member.name = rel
            archive.extract(member, PRISTINE, set_attrs=True)


def update():
    """Extract anew if the base is another, or a patch names a file not looked for yet."""
    tarball = tree.base_tarball()
    names = sorted(set(patched()) | {"MAINTAINERS"})
    want = {"base": tree.base_identity(tarball), "always": list(ALWAYS)}
    try:
        with open(STATE, encoding="utf-8") as file:
            have = json.load(file)
    except FileNotFoundError:
        have = {}
    known = set(have.pop("names", []))
    if have == want and all(n in known or n.startswith(ALWAYS) for n in names):
        return PRISTINE
    if os.path.exists(STATE):
        os.unlink(STATE)
    os.makedirs(tree.BUILD, exist_ok=True)
    extract(tarball, set(names), ALWAYS)
    want["names"] = names
    with open(STATE, "w", encoding="utf-8") as file:
        json.dump(want, file)
    return PRISTINE


if __name__ == "__main__":
    try:
        print("\n".join(patched()) if sys.argv[1:] == ["--patched"] else update())
    except tree.Failed as error:
        sys.exit("pristine: %s" % error)
