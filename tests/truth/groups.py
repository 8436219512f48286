# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The truth tests by the table they stand in: cases.py, and every cases_NAME.py, which has one list
whose name ends in _CASES."""

import glob
import importlib
import os

from cases import CASES, FORCED

HERE = os.path.dirname(os.path.abspath(__file__))


def module_cases(name):
    module = importlib.import_module(name)
    lists = [v for k, v in vars(module).items() if k.endswith("_CASES") and isinstance(v, list)]
    if len(lists) != 1:
        raise RuntimeError(f"{name}: {len(lists)} lists named *_CASES, one is wanted")
    return list(lists[0])


def groups():
    """{name: cases}; every case is in one group, those of cases.py in "core", forced ones with
    theirs. To be called once."""
    names = sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(HERE, "cases_*.py")))
    found = {name.removeprefix("cases_"): module_cases(name) for name in names}
    home = {case.name: cases for cases in found.values() for case in cases}
    core = [case for case in CASES if case.name not in home]
    # A forced case, "NAME-KIND", goes with what it forces.
    for case in FORCED:
        home.get(case.name.rpartition("-")[0], core).append(case)
    return {"core": core, **found}
