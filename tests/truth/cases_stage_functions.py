# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Truth tests of functions that are stages: tests/truth/functions, whose subjects note how often they were
called and how long each call took."""

import checks_stage_functions as f
from case import attach, direct
from checks_stages import check_split

CHECKS = (("split", check_split), ("counts", f.check_counts), ("abandoned", f.check_abandoned),
          ("lengths", f.check_lengths), ("sources", f.check_sources))


def stages(program):
    """What --stage has to find in it."""
    return f"--stage ={program}:stage_* --stage ={program}:ops::*::call"


STAGE_FUNCTIONS_CASES = [
    # Tail calls are jumps, rare parts are moved away, frames are left out.
    direct("functions-O2", "functions_O2", *CHECKS, ("frames", f.check_frames),
           options=stages("functions_O2") + " --period 1ms"),
    # Every function begins with endbr64, and ends with one ret.
    direct("functions-O0", "functions_O0", *CHECKS, options=stages("functions_O0")),
    attach("functions-attach", "functions_O2 rounds=10", *CHECKS, options=stages("functions_O2")),
    direct("functions-named", "functions_O2 rounds=10", ("named", f.check_named),
           ("missing", f.check_missing),
           options="--stage one_%s=functions_O2:stage_plain --stage all=functions_O2:ops::*::call "
           "--stage =functions_O2:no_such --stage =libnosuch.so:f"),
]
