"""``python -m tests.fuzz``: play mutated payloads of every source; exit 1 if any is answered wrongly.

A wrongly answered case is written to a file, which ``--replay`` plays again.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "functions"))

from .batch import Batch, Tally, play_batch
from .failures import read_case, written
from .judge import complaints, named_images
from .run import play
from .samples import TARGETS

COUNT = 100_000
BATCH = 2_000
MOST_SHOWN = 10
_FOLDER = Path("build") / "fuzz"


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run or replay, report, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, help="the same one gives the same cases; a new one if not given")
    parser.add_argument("--count", type=int, default=COUNT, help=f"mutated payloads of each source ({COUNT})")
    parser.add_argument("--source", action="append", choices=TARGETS, help="only this one; may be repeated")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="play one case that was written to a file"
    )
    options = parser.parse_args()
    if options.replay is not None:
        return replay(options.replay)
    if options.count < 0 or options.processes < 1:
        parser.error("a count of at least 0 and at least 1 process are expected")
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    targets = options.source or TARGETS
    say(f"Seed {seed}: {options.count} mutated payloads of each of {', '.join(targets)}")
    return fuzz(seed, targets, options.count, options.processes)


def fuzz(seed: int, targets: Sequence[str], count: int, processes: int) -> int:
    """Play all samples and mutated payloads; returns the exit code."""
    began = time.monotonic()
    total = Tally()
    say(Tally.header())
    with ProcessPoolExecutor(processes) as pool:
        for target in targets:
            started = time.monotonic()
            tally = Tally()
            for part in pool.map(play_batch, batches(seed, target, count)):
                tally.add(part)
            say(tally.row(target, time.monotonic() - started))
            for failure in tally.failures[:MOST_SHOWN]:
                say(f"  {failure.what}\n  play it again: {written(failure, seed, _FOLDER)}")
            total.add(tally)
    seconds = time.monotonic() - began
    say(total.row("all", seconds))
    wrong = total.wrong
    say(f"Seed {seed}: {f'{wrong} wrong' if wrong else 'none was answered wrongly'}, {seconds:.0f} s.")
    return 1 if wrong else 0


def batches(seed: int, target: str, count: int) -> Iterator[Batch]:
    """The work on one target: its samples as they are, then the mutated payloads."""
    yield Batch(seed, target, None, None)
    for start in range(0, count, BATCH):
        yield Batch(seed, target, start, min(start + BATCH, count))


def replay(path: Path) -> int:
    """Play one case again and tell all about it."""
    case = read_case(path)
    answer = play(case)
    wrong = complaints(case, answer)
    say(f"event    {case.event().decode('utf-8', 'backslashreplace')}")
    say(f"names    {sorted(named_images(case))}")
    for line in answer.lines.splitlines():
        say(f"record   {line}")
    say(f"answer   {answer.status}, updates of {sorted(answer.updates)}")
    for line in wrong or ["nothing is wrong"]:
        say(f"verdict  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
