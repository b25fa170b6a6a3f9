# SPDX-License-Identifier: GPL-2.0-only
# What make does here is in small scripts; 'make help' lists the targets.

MACHINE := tools/testing/machine

# The scripts read these from the environment; no make below reads them as its own.
export ARCH KIND TESTS CMD BASE QEMU TIMEOUT CMDLINE V NAME SUBJECT DROP JOBS \
	MOCK DEVICE SIZE PROFILE MAINLINE MAINLINE_CFLAGS ACPI BUILD FIRST
unexport MAKEFLAGS

.PHONY: help deps undeps tree patch kernel run shell test users bench check docs series clean

help:
	@cat $(MACHINE)/help.txt

deps tree kernel run shell test users bench:
	@command -v python3 >/dev/null || $(MACHINE)/deps.sh
	@$(MACHINE)/steps.py $@

undeps:
	@$(MACHINE)/deps.sh --remove

patch:
	@$(MACHINE)/patch.py

check docs series:
	@$(MACHINE)/$@.sh

clean:
	@rm -rf $(filter-out build/deps,$(wildcard build/* build/.lock*))
