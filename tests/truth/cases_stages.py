# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Truth tests of marks: tests/truth/stages.c."""

import checks_stages as s
from case import direct, pid

STAGES_CASES = [
    direct("stages", "stages rounds=20", ("split", s.check_split), ("stage-counts", s.check_counts),
            ("stage-lengths", s.check_lengths), ("states", s.check_states),
            ("stage-causes", s.check_causes), ("abandoned", s.check_abandoned),
            ("far", s.check_far), ("child", s.check_child), ("stage-frames", s.check_frames),
            ("requests", s.check_requests), options="--period 100us"),
    direct("stages-fp", "stages rounds=3", ("split", s.check_split),
            ("stage-counts", s.check_counts), ("far", s.check_far),
            ("abandoned", s.check_abandoned), options="--unwind fp"),
    direct("marks-off", "stages rounds=3", ("off", s.check_off), options="--marks off"),
    pid("stages-window", "stages rounds=0", 2, ("split", s.check_split), ("window", s.check_window),
        ("semaphores", s.check_semaphores), events_in_vm=2),
    pid("stages-host", "stages rounds=0", 1, ("split", s.check_split), ("window", s.check_window),
        ("semaphores", s.check_semaphores), mode="all", events_in_vm=20),
]
