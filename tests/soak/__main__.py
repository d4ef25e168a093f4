"""``python -m tests.soak``: play one run and print what came of it; exit 1 if anything is lost or wrong.

What nobody knows of the cloud can be one way or the other by a switch; --every-switch plays a run under each.
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from local.cloud.config import Switches
from local.command_line.arguments import switch_options
from tests.laws.stories import ECI, FC

from .facts import Kind
from .memory import children, peak_kib
from .run import Run, play
from .story import tell
from .weather import TIME_FACTOR

PUSHES, CACHES = 2000, 50
LEAST_CACHES = 2
MOST_SHOWN = 20
_LOST = (Kind.STALE, Kind.NOT_READY)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run, report, and return the exit code."""
    options = _options()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    story = tell(seed, options.pushes, options.caches)
    say(
        f"Seed {seed}: {len(story.pushes)} pushes in {story.pushes[-1].at:.0f} s, "
        f"{len(story.deliveries)} deliveries, {len(story.caches)} caches; time factor {TIME_FACTOR:g}"
    )
    given = Switches(dict(options.eci_switches), dict(options.fc_switches))
    status = 0
    for switches in _each() if options.every_switch else [given]:
        with ExitStack() as stack:
            state = options.state or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="imc-refresh-soak-"))
            )
            say(f"ECI {dict(switches.eci)}, Function Compute {dict(switches.fc)}")
            run = play(story, seed, state, switches, say)
        status |= report(run, options.pushes, seed)
    return status


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=__doc__, parents=[switch_options()]
    )
    parser.add_argument("--seed", type=int, help="the same one gives the same story; a new one if not given")
    parser.add_argument("--pushes", type=int, default=PUSHES, help=f"how many ({PUSHES})")
    parser.add_argument("--caches", type=int, default=CACHES, help=f"how many ({CACHES})")
    parser.add_argument("--every-switch", action="store_true", help="a run under each switch, of one story")
    parser.add_argument(
        "--state", type=Path, help="a new folder for the local cloud, kept for a look afterwards"
    )
    options = parser.parse_args()
    if options.pushes < 1 or options.caches < LEAST_CACHES:
        parser.error(f"at least 1 push and {LEAST_CACHES} caches are expected")
    if options.every_switch and (options.state or options.eci_switches or options.fc_switches):
        parser.error("--every-switch: has each switch in turn, and a new folder for each run")
    if options.state is not None and options.state.exists():
        # A history from before would be judged as if it were this run's.
        parser.error(f"--state: a folder that does not exist yet is expected, {options.state} found")
    return options


def _each() -> Iterator[Switches]:
    """The switches of the laws, one at a time; the pause between two copies is shortened as builds are."""
    yield from (Switches(eci=eci) for eci in ECI)
    for fc in FC:
        pause = {"copy_pause_seconds": fc["copy_pause_seconds"] / TIME_FACTOR} if "task_copies" in fc else {}
        if fc:
            yield Switches(fc={**fc, **pause})


def report(run: Run, pushes: int, seed: int) -> int:
    """Print what came of a run; returns the exit code."""
    wrong = complaints(run)
    for line in [*figures(run, pushes), *_first(given_up(run)), *_first(wrong)]:
        say(line)
    say(f"Seed {seed}: {'not as it has to be' if wrong else 'nothing was lost'}.")
    return 1 if wrong else 0


def figures(run: Run, pushes: int) -> list[str]:
    """The figures of a run, one a line."""
    records = run.records
    refused = sum(bool(one.refusal) for one in run.sent)
    lost = sum(finding.kind in _LOST and not finding.explained for finding in run.findings)
    unbounded = sum(finding.kind is Kind.UNBOUNDED for finding in run.findings)
    explained = sum(finding.explained for finding in run.findings)
    lines = [
        f"pushes             {pushes}",
        f"deliveries         {len(run.sent)}, sent {sum(one.tries for one in run.sent)} times",
        f"updates            {len(run.updates)}",
        f"updates per push   {len(run.updates) / pushes:.2f}",
        f"lost               {lost}",
        f"dead letters       {len(run.dead_letters)}",
        f"unbounded          {unbounded}",
        f"false deferred     {len(run.broken_promises)} of {len(records.promised)} stored tasks",
        f"postponed          {len(run.postponed)} caches, to a time after this run",
        f"refused senders    {refused}; missing and explained by them or by dead letters: {explained}",
        f"staleness, history {_spread(run.staleness_seconds)} pushes to caches",
        f"staleness, records {_spread(records.staleness_seconds)} pushes seen to land",
        f"queue's lag        {_spread(run.lag_seconds)} tasks tried once; staleness holds it",
        f"deferred           {records.count('deferred')}",
        f"covered            {records.count(reason='COVERED')}",
        f"async invocations  {dict(run.deliveries)}",
        f"took               {run.seconds:.0f} s",
    ]
    lines += [
        f"memory             {name}: {kib / 1024:.0f} MiB at most, {run.memory.instances[name]} instances"
        for name, kib in sorted(run.memory.kib.items())
    ]
    lines.append(
        f"memory             servers, and this program: {peak_kib(os.getpid()) / 1024:.0f} MiB at most"
    )
    lines += [
        f"record             {number:6} {result} {reason}"
        for (result, reason), number in records.results.most_common()
    ]
    return lines + [f"weather            {number:6} {what}" for what, number in sorted(run.weather.items())]


def given_up(run: Run) -> list[str]:
    """What was given up where it can be seen, and why, one a line; it explains what it is missing for."""
    lines = [
        f"Dead letter: {letter['function']} after {letter['attempts']} attempts: {letter['error'][:600]}"
        for letter in run.dead_letters
    ]
    lines += [
        f"Refused after {one.tries} tries: {one.delivery.pushes[0].event_id}: {one.refusal}"
        for one in run.sent
        if one.refusal
    ]
    lines += [
        f"Explained: {finding.kind.value}: {finding.image_cache_id} {finding.image}: {finding.text}"
        for finding in run.findings
        if finding.explained
    ]
    return lines


def complaints(run: Run) -> list[str]:
    """Everything that must not be, one a line."""
    wrong = [
        f"{finding.kind.name}: {finding.kind.value}: {finding.image_cache_id} {finding.image}: {finding.text}"
        for finding in run.findings
        if not finding.explained
    ]
    wrong += [f"DEFECT: {problem[:1500]}" for problem in run.problems]
    wrong += [f"PROMISE: no task {task_id} ran" for task_id in sorted(run.broken_promises)]
    if not run.settled:
        wrong.append("UNSETTLED: not all that was accepted came to an end in time")
    wrong += [f"LEFT: process {process} was started and not ended" for process in children()]
    return wrong


def _first(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MOST_SHOWN
    return [*lines[:MOST_SHOWN], *([f"... and {more} more"] if more > 0 else [])]


def _spread(seconds: Sequence[float]) -> str:
    """Percentiles in seconds of this run; in the cloud it is the time factor longer."""
    if len(seconds) < 2:
        return f"too few for percentiles: {len(seconds)}"
    cuts = statistics.quantiles(seconds, n=20)
    named = {"p50": cuts[9], "p95": cuts[18], "most": max(seconds)}
    return ", ".join(f"{name} {value:.1f} s" for name, value in named.items()) + f" of {len(seconds)}"


if __name__ == "__main__":
    sys.exit(main())
