"""``python -m bench``: print every measurement and whether it meets its goal; exit 1 if one does not."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "functions"))

from rich.console import Console
from rich.table import Table

from . import warm

GOAL_MEDIAN_MS = 1.0
GOAL_RATIO = 10.0


def main() -> int:
    """Run and print."""
    console = Console()
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
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
