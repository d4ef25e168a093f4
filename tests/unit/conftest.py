"""How Hypothesis runs in the unit tests.

Every run tries new examples, and a failure prints the line that repeats it. No example has a time limit of
its own: how fast a busy machine is says nothing about the code.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

PROFILE = "unit"

settings.register_profile(PROFILE, derandomize=False, print_blob=True, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    # A profile that is named on the command line wins.
    if config.getoption("--hypothesis-profile") is None:
        settings.load_profile(PROFILE)
