"""The measure of the policy semver: it takes exactly the versions that npm's semver takes.

The table is made with npm: ``tests/support/npm_semver.py``.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from pathlib import Path

import pytest

from imagecache.base.environment import Environment
from imagecache.config.rules_file import read_rules
from tests.support.npm_semver import (
    Row,
    ask,
    hand_picked,
    install,
    missing_tools,
    random_pairs,
    read_table,
)

ROWS = read_table()
_NUMBERS = re.compile(r"(?<![0-9A-Za-uw-z.+-])[0-9xX*]+(?:\.[0-9xX*]+)*")
"""The numbers of a version, in a range too."""


def taken(range_text: str, versions: list[str]) -> list[str] | None:
    """The versions that a rule with this range takes; None where the range is a rules error."""
    rules = {"rules": [{"policy": {"type": "semver", "range": range_text}}]}
    env = Environment({"IMC_RULES": json.dumps(rules)})
    read = read_rules(env)
    if env.problems:
        assert [problem.partition(" is not a range: ")[0] for problem in env.problems] == [
            "IMC_RULES at /rules/0/policy/range:"
        ]
        return None
    policy = read.rules[0].policy
    return [version for version in versions if policy.rank(version) is not None]


def differing(rows: list[Row]) -> list[tuple[Row, list[str] | None]]:
    found = [(row, taken(row.range, row.taken + row.left)) for row in rows]
    return [(row, said) for row, said in found if said != (row.taken if row.valid else None)]


def with_zeros(text: str, draw: random.Random) -> str:
    """The text with zeros before numbers of its versions."""

    def numbers(match: re.Match[str]) -> str:
        return re.sub(r"[0-9]+", lambda number: "0" * draw.randrange(3) + number[0], match[0])

    return _NUMBERS.sub(numbers, text)


def test_the_table_has_enough_of_everything() -> None:
    assert sum(len(row.taken) + len(row.left) for row in ROWS) >= 10_000
    assert sum(not row.valid for row in ROWS) >= 50
    assert sum(len(row.taken) for row in ROWS) >= 2000
    ranges = {row.range for row in ROWS}
    assert {"", " ", "||", "<2 || >=3.1", "~2.0.0-rc.1", "1.2 - 2.0", "1.x", ">  1.2   <  2"} <= ranges


def test_every_pair_of_the_table_is_as_npm_has_it() -> None:
    assert differing(ROWS) == []


def test_leading_zeros_of_range_and_tag_do_not_count() -> None:
    draw = random.Random(11)  # noqa: S311 - no secret is drawn
    rows = [
        Row(
            with_zeros(row.range, draw),
            [with_zeros(version, draw) for version in row.taken],
            [with_zeros(version, draw) for version in row.left],
            row.valid,
        )
        for row in ROWS
    ]
    assert sum(row.range != zeros.range for row, zeros in zip(ROWS, rows, strict=True)) > 500
    assert differing(rows) == []


@pytest.mark.deep
@pytest.mark.skipif(bool(missing_tools()), reason=f"not on this machine: {', '.join(missing_tools())}")
def test_new_pairs_are_as_npm_has_them(tmp_path: Path) -> None:
    try:
        install(tmp_path)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm's package cannot be had: {error}")
    seed = random.SystemRandom().randrange(2**32)
    _, rows = ask(tmp_path, [*hand_picked(), *random_pairs(seed, 20_000)])
    assert differing(rows) == [], f"seed {seed}"
