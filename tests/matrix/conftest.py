"""The clouds of the fault matrix, one for each entry point, and what became of its cases in sum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.matrix.world import DOORS, World, running_world

_COLUMNS = ("cases", "rebuilt", "lost", "dead letters", "told", "duplicate updates")


@pytest.fixture(scope="session")
def running_worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, World]]:
    folder = tmp_path_factory.mktemp("matrix")
    entered: list[AbstractContextManager[World]] = []

    def enter(door: str) -> World:
        context = running_world(folder / door)
        world = context.__enter__()
        entered.append(context)
        return world

    # A start and an orderly end are seconds of waiting each, so all clouds do it at once.
    with ThreadPoolExecutor(len(DOORS)) as pool:
        try:
            started = {door: pool.submit(enter, door) for door in DOORS}
            wait(started.values())
            yield {door: future.result() for door, future in started.items()}
        finally:
            ended = [pool.submit(context.__exit__, None, None, None) for context in entered]
            for future in ended:
                future.result()


@pytest.fixture
def worlds(running_worlds: dict[str, World]) -> dict[str, World]:
    """A cloud for each entry point, with nothing under way and no fault ordered."""
    for world in running_worlds.values():
        world.clear()
    return running_worlds


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Add up what the cases of the matrix reported, door by door."""
    table: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_COLUMNS, 0))
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, counts in getattr(report, "user_properties", ()):
                if name == "fault matrix" and report.when == "teardown":
                    for door in (counts["door"], "all doors"):
                        table[door]["cases"] += 1
                        for column in _COLUMNS[1:]:
                            table[door][column] += counts[column]
    if not table:
        return
    terminalreporter.section("fault matrix")
    terminalreporter.write_line("".join(f"{column:>19}" for column in ("door", *_COLUMNS)))
    for door in sorted(table, key=lambda name: (name == "all doors", name)):
        terminalreporter.write_line("".join(f"{value:>19}" for value in (door, *table[door].values())))
