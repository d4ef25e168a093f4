"""``python -m tests.laws``: measure every law, print the table, and exit 1 where a bound is passed."""

from __future__ import annotations

import sys

from tests.laws.laws import lines


def main() -> int:
    """Print the table."""
    over = 0
    for line in lines(short="--short" in sys.argv):
        mark = "" if line.holds else "  OVER"
        over += not line.holds
        print(
            f"{line.law}  {line.what:70}  {line.switch:36}  bound {line.bound:8.2f}  worst {line.worst:8.2f}{mark}"
        )  # noqa: T201
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
