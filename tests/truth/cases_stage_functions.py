# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Truth tests of functions that are stages: tests/truth/functions, whose subjects note how often they were
called and how long each call took."""

import checks_stage_functions as f
from case import attach, direct
from checks_stages import check_split

CHECKS = (("split", check_split), ("counts", f.check_counts), ("abandoned", f.check_abandoned),
          ("lengths", f.check_lengths), ("sources", f.check_sources))


def stages(program, *functions):
    """What --stage has to find in it."""
    return " ".join(f"--stage ={program}:{f}" for f in functions or ("stage_*", "ops::*::call"))


# Left by a tail call, by an exception, from a part that was moved away, past a stack protector. Few: each
# probe takes long where it is one of its own (before 6.6), and in an emulated machine 100 times that.
STAGE_FUNCTIONS_CASES = [
    direct("functions-few", "functions_O2 rounds=10", *CHECKS,
           options=stages("functions_O2", "stage_tail_if", "stage_tail_to", "stage_throws", "stage_cold",
                          "stage_protected")),
]

# On this host only.
MANY = [
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
