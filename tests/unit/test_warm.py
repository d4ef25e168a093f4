"""How long a process took to get to its first invocation."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from imagecache.engine.warm import Warm, process_age

FUNCTIONS = Path(__file__).parents[2] / "functions"


def test_the_first_invocation_began_with_the_process_and_the_others_begin_now() -> None:
    warm = Warm(age_seconds=1000)
    first = warm.begin()
    now = time.monotonic()
    assert now - 1001 < first <= now - 1000
    assert warm.begin() >= now


def test_a_process_knows_how_long_it_has_run() -> None:
    if not sys.platform.startswith("linux"):
        assert process_age() == 0.0
        return
    code = "from imagecache.engine.warm import process_age; print(process_age())"
    began = time.monotonic()
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=FUNCTIONS, capture_output=True, text=True, check=True
    )
    # Its beginning is counted in hundredths of a second.
    assert -0.02 <= float(said.stdout) <= time.monotonic() - began + 0.02
