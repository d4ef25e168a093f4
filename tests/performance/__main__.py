"""``python -m tests.performance``: print every measurement beside its goal; exit 1 if one is not met."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "functions"))

from rich.console import Console
from rich.table import Table

from . import cold, command, planning, warm, wide

GOAL_MEDIAN_MS = 1.0
GOAL_RATIO = 14.0
GOAL_COLD_SHARE = 0.35
GOAL_UPDATE_SHARE = 0.38
"""Of one that ends in an update: it stores a follow task too, which the naive function does not."""
GOAL_PEAK_MB = 100.0
GOAL_WIDE_RATIO = 1.25


def main() -> int:
    """Run and print."""
    console = Console()
    met = [_warm(console), _planning(console), _wide(console), _command(console), _cold(console)]
    return 0 if all(met) else 1


def _warm(console: Console) -> bool:
    table = Table(
        title=f"Warm overhead of one event, {warm.CACHES} caches of {warm.IMAGES} images, no network (ms)"
    )
    for column in ("event", "median", "p99", "naive median", "naive p99", "naive / ours"):
        table.add_column(column, justify="left" if column == "event" else "right")
    missed = False
    for name, row in warm.measure().items():
        missed |= row["median_ms"] >= GOAL_MEDIAN_MS or row["ratio"] < GOAL_RATIO
        figures = [row[key] for key in ("median_ms", "p99_ms", "naive_median_ms", "naive_p99_ms")]
        table.add_row(name, *(f"{figure:.3f}" for figure in figures), f"{row['ratio']:.1f}")
    console.print(table)
    verdict = "missed" if missed else "met"
    console.print(
        f"Goal: median under {GOAL_MEDIAN_MS:g} ms and naive / ours at least {GOAL_RATIO:g}: {verdict}."
    )
    return not missed


def _planning(console: Console) -> bool:
    table = Table(title=f"Planning one push, caches of {planning.IMAGES} images, two rules (median, ms)")
    for column in ("caches", "with the image", "kept listing", "listing just read"):
        table.add_column(column, justify="right")
    rows = planning.measure_planning()
    for number, row in rows.items():
        figures = [f"{row['matched']:.0f}", f"{row['kept_ms']:.3f}", f"{row['fresh_ms']:.1f}"]
        table.add_row(f"{number:,}", *figures)
    console.print(table)
    largest = max(rows)
    met = rows[largest]["kept_ms"] < planning.GOAL_MS
    goal = f"{largest:,} caches in a kept listing under {planning.GOAL_MS:g} ms"
    console.print(f"Goal: {goal}: {'met' if met else 'missed'}.")
    return met


def _wide(console: Console) -> bool:
    row = wide.measure()
    table = Table(
        title=f"One push, {wide.CACHES} caches, {wide.CALL_SECONDS:g} s a call, {wide.CONCURRENCY} at a time"
    )
    for column in ("accepted", "not reached", "seconds", "ours / calls alone"):
        table.add_column(column, justify="right")
    table.add_row(f"{row.accepted}", f"{row.left}", f"{row.seconds:.1f}", f"{row.ratio:.2f}")
    console.print(table)
    met = row.left == 0 and row.ratio <= GOAL_WIDE_RATIO
    goal = f"all in one invocation of {wide.TIMEOUT_SECONDS} s, at most {GOAL_WIDE_RATIO:g} times their calls"
    console.print(f"Goal: {goal}: {'met' if met else 'missed'}.")
    return met


def _command(console: Console) -> bool:
    table = Table(title=f"The operator's command, a whole process, median of {command.ROUNDS} (s)")
    for column in ("command", "seconds", "goal"):
        table.add_column(column, justify="left" if column == "command" else "right")
    rows = command.measure()
    for row in rows:
        table.add_row(row.name, f"{row.seconds:.2f}", f"under {row.goal:g}")
    console.print(table)
    met = all(row.seconds < row.goal for row in rows)
    console.print(f"Goal: {'met' if met else 'missed'}.")
    return met


def _cold(console: Console) -> bool:
    rows = cold.measure()
    if rows is None:
        console.print("Cold starts are not measured: this machine has no Python 3.12 and no 3.10.")
        return True
    table = Table(
        title=f"Cold start from the package, median of {cold.ROUNDS} new processes (s), and memory (MB)"
    )
    for column in ("event", "ours", "without .pyc", "naive", "ours / naive", "peak memory"):
        table.add_column(column, justify="left" if column == "event" else "right")
    met = True
    for row in rows:
        share = None if row.naive_seconds is None else row.seconds / row.naive_seconds
        met &= row.peak_mb < GOAL_PEAK_MB
        most = GOAL_UPDATE_SHARE if row.updates else GOAL_COLD_SHARE
        met &= share is None or share <= most
        table.add_row(
            row.name,
            f"{row.seconds:.3f}",
            f"{row.seconds_without_pyc:.3f}",
            "" if row.naive_seconds is None else f"{row.naive_seconds:.3f}",
            "" if share is None else f"{share:.2f}",
            f"{row.peak_mb:.1f}",
        )
    console.print(table)
    shares = f"at most {GOAL_COLD_SHARE:g} without an update, {GOAL_UPDATE_SHARE:g} with one"
    verdict = "met" if met else "missed"
    console.print(f"Goal: ours / naive {shares}; memory under {GOAL_PEAK_MB:g} MB: {verdict}.")
    return met


if __name__ == "__main__":
    sys.exit(main())
