"""How long a process took to get to its first invocation."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imagecache.engine.warm import Warm, process_age

FUNCTIONS = Path(__file__).parents[2] / "functions"


def test_the_first_invocation_began_with_the_process_and_the_others_begin_now() -> None:
    warm = Warm(age_seconds=1000)
    first = warm.begin()
    now = time.monotonic()
    assert now - 1001 < first <= now - 1000
    assert warm.begin() >= now


def test_an_instance_that_starts_looks_for_garbage_after_its_first_invocation() -> None:
    warm = Warm(starting=True)
    try:
        assert not gc.isenabled()
        warm.end()
        assert gc.isenabled()
        gc.disable()
        warm.end()
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("event", ["{}", "no JSON"])
def test_garbage_is_collected_from_the_end_of_the_first_invocation_on(event: str) -> None:
    code = f"""
import gc, on_push
from imagecache.base.errors import EntryPointError
from imagecache.engine.warm import Warm
Warm().end()
print(gc.isenabled())
try:
    on_push.handler({event!r}.encode(), None)
except EntryPointError:
    pass
print(gc.isenabled(), gc.get_freeze_count() > 1000)
"""
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=FUNCTIONS, capture_output=True, text=True, check=True
    )
    lines = [line for line in said.stdout.splitlines() if not line.startswith("{")]
    assert lines == ["False", "True True"]


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


@pytest.mark.parametrize("text", [None, "", "1 (python) R 1 2", "1 (python) " + "x " * 30])
def test_where_the_system_does_not_say_it_nothing_is_counted(tmp_path: Path, text: str | None) -> None:
    stat = tmp_path / "stat"
    if text is not None:
        stat.write_text(text)
    assert process_age(stat) == 0.0
