#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Check that modules of drivers/iommu and drivers/vfio use only what is exported.
Usage: check-exports.py OUT ARCH    OUT: a build of the objects for ARCH, with modules
modpost would need the whole kernel; this asks EXPORT_SYMBOL in the sources."""
import os
import re
import subprocess
import sys

import tree

EXPORT = r"(EXPORT_(TRACEPOINT_|PER_CPU_)?SYMBOL[A-Z_]*|SYM_FUNC_ALIAS[A-Z_]*)\s*\(\s*\w+"
# Names that a macro forms where it exports them, and the compiler's own.
GENERATED = re.compile(r"^(__x86_indirect_thunk_|__x86_return_thunk|__fentry__|_mcount"
                       r"|__stack_chk_fail|__get_user_|__put_user_|__sw_hweight"
                       r"|__tracepoint_|__traceiter_|__SCK__|__SCT__|__this_module"
                       r"|_dev_[a-z]+$|pci_user_(read|write)_config_|param_ops_)")


def exported(arch):
    """The names that anything in the tree exports where it is built for ARCH."""
    said = subprocess.run(["grep", "-rhoE", "--include=*.[cSh]", EXPORT, "arch/" + arch,
                           "block", "drivers", "fs", "include", "init", "io_uring", "kernel",
                           "lib", "mm", "net", "security", "sound", "virt", "crypto"],
                          cwd=tree.TREE, text=True, stdout=subprocess.PIPE,
                          check=True).stdout
    # Our own files are links, which grep -r passes by.
    for path in tree.ours():
        if path.endswith(".c"):
            with open(os.path.join(tree.TOP, path), encoding="utf-8") as file:
                said += "\n".join(m.group() for m in re.finditer(EXPORT, file.read())) + "\n"
    return {re.split(r"[\s(]+", line.strip())[-1] for line in said.splitlines()}


def modules(out):
    """The object lists of the modules: directory/name.mod has one object a line."""
    for top in ("drivers/iommu", "drivers/vfio"):
        for where, _, names in os.walk(os.path.join(out, top)):
            for name in names:
                if name.endswith(".mod"):
                    yield os.path.join(where, name)


def symbols(out, objects):
    """The undefined and the defined global names of a module's objects."""
    said = subprocess.run(["nm", "-g", *objects], cwd=out, text=True,
                          stdout=subprocess.PIPE, check=True).stdout
    lines = [line.split() for line in said.splitlines()]
    used = {words[1] for words in lines if len(words) == 2 and words[0] == "U"}
    has = {words[2] for words in lines if len(words) == 3}
    return used - has


def main():
    """Entry."""
    out = os.path.abspath(sys.argv[1])
    known, wrong, count = exported(sys.argv[2]), [], 0
    for path in sorted(modules(out)):
        with open(path, encoding="utf-8") as file:
            objects = file.read().split()
        count += 1
        wrong += ["%s uses %s, which is not exported" % (os.path.relpath(path, out)[:-4], name)
                  for name in sorted(symbols(out, objects))
                  if name not in known and not GENERATED.match(name)]
    print("\n".join(wrong) or "%d modules, all they use is exported" % count)
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
