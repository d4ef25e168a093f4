"""How much the tests try: the quick run, or the full one (``make test-full`` sets TEST_DEPTH=full).

The quick run draws the same few examples each time, so that what it covers and what it finds does not change
from run to run. The full run draws many new ones. A failure prints the line that repeats it. No example has a
time limit of its own: how fast a busy machine is says nothing about the code.
"""

from __future__ import annotations

import gc
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.support.depth import thin_out

pytest_plugins = ("tests.support.fixtures",)

COMMON = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", COMMON, derandomize=True, max_examples=10)
settings.register_profile("full", COMMON, derandomize=False, max_examples=200)


def pytest_configure(config: pytest.Config) -> None:
    # A profile that is named on the command line wins.
    if config.getoption("--hypothesis-profile") is None:
        settings.load_profile(os.environ.get("TEST_DEPTH", "quick"))
    # A shell starts what it runs in the background with Ctrl-C ignored, which every process below inherits.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Before tests are chosen by their marks.

    The longest test waits for most of its time: it begins first, so that it is not the last to end.
    """
    thin_out(items)
    items.sort(key=lambda item: "/matrix/" not in item.nodeid)


def pytest_collection_finish() -> None:
    """Thousands of tests are collected, and stay: no later collection of garbage has to walk them again."""
    gc.collect()
    gc.freeze()
