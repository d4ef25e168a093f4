"""What npm's semver says of pairs of a range and a version: it is the measure of the policy semver.

``python -m tests.support.npm_semver`` makes the table of the unit tests anew: hand-picked pairs, and random
ones of a fixed seed. It needs node and npm, and installs the package into a folder that goes again. Must not
know the library.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["TABLE", "Row", "ask", "install", "missing_tools", "random_pairs", "read_table"]

TABLE = Path(__file__).parents[1] / "unit" / "npm_semver.json"
"""The table."""

_PACKAGE = "semver@7"
_SEED = 20
_RANDOM_PAIRS = 6000
_TIMEOUT = 300
"""Seconds for npm and node."""

_RANGES = """
*|x|X|* || 1.2.3|1|1.2|1.2.3|v1.2.3|=1.2.3|=1.2|v=1.2|==1.2.3|1.x|1.X.x|1.2.*|x.x.x|*.*|1.2.x-rc.1
<2|<2.0|<2.0.0|<2.0.0-0|<2.0.0-rc.1|<=1|<=1.x|<=2.0.0-rc.1|<=2.0.0|<2 || >=3.1|< 2||>= 3.1|<1|<0
<0.0.0-0|<x|<=x|<0.1
>1|>1.2|>1.2.3|>1.2.3-rc.1|>=1|>=1.2|>=1.2.3|>=1.2.3-rc.1|>=2.0.0-0|>=0|>=0.0.0|>=v0.0.0|>=0.0.0-0|>x
>=x|>2 <3
>=0.0.0 || 2.0.0-rc.1|>=v0.0.0 || 2.0.0-rc.1|>=0.0.0 <=0.0.0-rc.1|>=v0.0.0 <=0.0.0-rc.1|<x || 1
>=1.2.3-rc.1 <2|>=1.2.3-rc.1 <=2.0.0-rc.1|>=1 <2|>=1 <2 || >=3|1 || 2.0.0-rc.1|* || 2.0.0-rc.1
2.0.0-rc.1||x
~1|~1.2|~1.2.3|~1.2.3-rc.1|~2.0.0-rc.1|~0|~0.0.1|~0.0.1-rc.1|~0.1|~x|~ 1.2|~>1.2|~> 1.2.3|~=1.2|~v1.2.3
~1.2.3-0
^1|^1.2|^1.2.3|^1.2.3-rc.1|^2.0.0-rc.1|^0|^0.0|^0.0.1|^0.0.1-rc.1|^0.1|^0.1.2-rc.1|^0.0.0|^x|^ 1.2|^v1
^1.x.3|^0.x
1 - 2|1.2 - 2.0|1.2.3 - 2|1.2.3 - 2.0.0|1.2.3-rc.1 - 2.0.0-rc.1|1.2.3 - 2.0.0-rc.1|x - 2|1 - x|* - *
v1 - v2
1.2.3  -  2.0.0|=1 - =2|=1.2.3 - 2|1.2.3 - =2.0.0|1.2.3 - =2.0.0-rc.1|1.x.3 - 2|0 - 1|1 - 2 || 3|1 - 2 3
1 -2|1- 2
1 2|1.2 1.2.3|>=1 *|1.2.3 1.2.4|> 1.2|>  1.2   <  2|>= v1.2|> =1.2|> = 1.2|= > 1|>1.2<2|>==1.2|>==1.2.3
v 1.2|^ > 1
~ +b v2.1|~> >2.1|> +b 1|1 - 2 +b|+b 1 - 2|1 - +b 2|1 +b - 2
1.2.3+build|>=1.2.3+build.01|1.2.3-rc.1+b|1+b|^1.2.3+b <2|1.2.3+|1.2.3*|*1.2.3|1.x.3|x.1|*.1.2|1.2.3.4
1.|.1|1..2
latest|newest|^|~|>|<=|-|| |1 || latest|>=1,<2|1.x-rc|rc - 2|1 - v^| - |1 || 2|(1)|!1|!=1|1.2.3-
1.2.3-rc.|1.2.3-rc..1
9007199254740991|9007199254740992|>9007199254740991|<=9007199254740991|>=9007199254740991.0.0
99999999999999999999.0.0
>=1.2.3-9007199254740992|>=1.2.3-9007199254740993|>=1.2.3-rc.2|>=1.2.3-rc.10|>=1.2.3-rc2|>=1.2.3-alpha-2
>=1.2.3-1
"""
_VERSIONS = """
0.0.0 0.0.0-0 0.0.0-rc.1 0.0.1 0.0.1-rc.1 0.0.2 0.0.2-rc.1 0.1.0 0.1.0-0 0.1.2 0.1.2-rc.2 0.2.0
0.2.0-rc.1 0.9.9 1.0.0 1.0.0-rc.1 1.1.0 1.2.0 1.2.0-0 1.2.3 1.2.3-0 1.2.3-rc.1 1.2.3-rc.2 1.2.3-rc.10
1.2.3-rc2 1.2.3-beta 1.2.3-rc 1.2.3-alpha-1 1.2.3-1 1.2.3-9007199254740993 1.2.4 1.2.4-0 1.2.4-rc.1
1.3.0 1.3.0-rc.1 1.9.9 2.0.0 2.0.0-0 2.0.0-rc.1 2.0.0-rc.1.2 2.0.0-rc.2 2.0.1 2.0.1-rc.1 2.1.0
2.1.0-rc.1 3.0.0 3.0.0-0 3.0.0-rc.1 3.1.0 3.1.0-rc.1 3.2.0 10.0.0 9007199254740991.0.0
9007199254740992.0.0
"""
_PRERELEASES = (
    "0",
    "1",
    "2",
    "1.2",
    "rc",
    "rc.1",
    "rc.2",
    "rc.10",
    "rc1",
    "rc-1",
    "alpha",
    "alpha.0",
    "beta",
)
_PRERELEASES += ("beta.1", "beta.x", "dev.20240102", "alpha.1.b")
_OTHER_PRERELEASES = ("foo", "a-b.3", "0a", "-", "--1", "X", "1.x", "9007199254740993")
"""Of ranges alone: in a tag they are read as a variant."""

_ASK = """
const semver = require("semver")
const pairs = JSON.parse(require("fs").readFileSync(0, "utf8"))
const valid = range => { try { new semver.Range(range); return true } catch { return false } }
console.log(JSON.stringify([require("semver/package.json").version,
  pairs.map(([range, version]) => valid(range) ? semver.satisfies(version, range) : null)]))
"""


class Row(NamedTuple):
    """One range.

    Attributes:
        range: the range.
        taken: versions in it.
        left: versions not in it; all of them where npm refuses the range.
        valid: whether npm takes the range.
    """

    range: str
    taken: list[str]
    left: list[str]
    valid: bool


def missing_tools() -> list[str]:
    """What this machine has not."""
    return [tool for tool in ("node", "npm") if shutil.which(tool) is None]


def install(folder: Path) -> None:
    """Install npm's semver; raises ``subprocess.CalledProcessError`` where it cannot be had."""
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefix", str(folder), _PACKAGE]
    subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT, cwd=folder)


def ask(folder: Path, pairs: Iterable[tuple[str, str]]) -> tuple[str, list[Row]]:
    """The version of npm's semver, and what it says, by range."""
    asked = sorted(set(pairs))
    run = subprocess.run(
        ["node", "-e", _ASK],
        check=True,
        capture_output=True,
        input=json.dumps(asked).encode(),
        timeout=_TIMEOUT,
        cwd=folder,
    )
    version, answers = json.loads(run.stdout)
    rows: dict[str, Row] = {}
    for (range_text, text), answer in zip(asked, answers, strict=True):
        row = rows.setdefault(range_text, Row(range_text, [], [], answer is not None))
        (row.taken if answer else row.left).append(text)
    return version, list(rows.values())


def hand_picked() -> Iterator[tuple[str, str]]:
    """Every hand-picked range with every hand-picked version."""
    # Ranges are split at a single bar: two of them are npm's own.
    ranges = {"", " ", "||", " || "}
    for line in _RANGES.strip().splitlines():
        ranges |= set(re.split(r"(?<!\|)\|(?!\|)", line))
    yield from itertools.product(ranges, _VERSIONS.split())


def random_pairs(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """Random ranges, valid ones and spoilt ones, with versions near their bounds and far from them."""
    draw = random.Random(seed)  # noqa: S311 - no secret is drawn
    made = 0
    while made < count:
        text = _range(draw)
        if draw.random() < 0.15:
            text = _spoilt(draw, text)
        if _FAULTS.search(text):
            continue
        for version in _versions(draw, text):
            yield text, version
            made += 1


_FAULTS = re.compile(r"(?<![0-9A-Za-uw-z-])0[0-9]|-0[0-9]+(?![0-9A-Za-z-])|[0+][<>=]*\*")
"""Leading zeros, which npm refuses, and a star that hides one or build metadata from it."""


def _number(draw: random.Random) -> str:
    return draw.choice("0011223") if draw.random() < 0.95 else "10"


def _partial(draw: random.Random) -> str:
    numbers = [
        _number(draw) if draw.random() < 0.85 else draw.choice("xX*")
        for _ in range(draw.choice((1, 2, 3, 3)))
    ]
    text = draw.choice(("", "", "", "", "", "", "v", "=")) + ".".join(numbers)
    if len(numbers) == 3 and draw.random() < 0.4:
        text += "-" + draw.choice(_PRERELEASES + _OTHER_PRERELEASES)
    return text + ("+build.01" if len(numbers) == 3 and draw.random() < 0.05 else "")


def _simple(draw: random.Random) -> str:
    operator = draw.choice(("", "", "^", "~", ">", "<", ">=", "<=", "=", "~>"))
    return operator + draw.choice(("", "", "", "", "", " ", "  ")) + _partial(draw)


def _range(draw: random.Random) -> str:
    alternatives = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        if draw.random() < 0.15:
            alternatives.append(f"{_partial(draw)} - {_partial(draw)}")
        else:
            alternatives.append(" ".join(_simple(draw) for _ in range(draw.choice((0, 1, 1, 1, 2, 2, 3)))))
    return draw.choice((" || ", "||")).join(alternatives)


def _spoilt(draw: random.Random, text: str) -> str:
    place = draw.randrange(len(text) + 1)
    return text[:place] + draw.choice(" v=<>~^*xX-.|+0123ra") + text[place + draw.randrange(2) :]


def _versions(draw: random.Random, text: str) -> set[str]:
    found = {".".join(_number(draw) for _ in range(3)) for _ in range(2)}
    for major, minor, patch in re.findall(r"(?<![0-9])([0-9]+)\.([0-9]+)\.([0-9]+)", text)[:3]:
        found |= {f"{major}.{minor}.{patch}", f"{major}.{minor}.{int(patch) + 1}"}
    return found | {f"{version}-{draw.choice(_PRERELEASES)}" for version in found}


def read_table() -> list[Row]:
    """The rows of the table."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))["rows"]
    return [Row(text, taken.split(), left.split(), valid) for text, taken, left, valid in rows]


def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        version, rows = ask(Path(folder), [*hand_picked(), *random_pairs(_SEED, _RANDOM_PAIRS)])
    lines = (json.dumps([row.range, " ".join(row.taken), " ".join(row.left), row.valid]) for row in rows)
    text = ",\n".join(lines)
    TABLE.write_text(f'{{"semver": "{version}", "rows": [\n{text}\n]}}\n', encoding="utf-8")
    print(  # noqa: T201 - a command
        f"{sum(len(row.taken) + len(row.left) for row in rows)} pairs of semver {version} in {TABLE}"
    )


if __name__ == "__main__":
    _main()
