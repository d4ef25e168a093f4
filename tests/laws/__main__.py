"""``python -m tests.laws [--short]``: measure every law, print the table, exit 1 where a bound is passed."""

from __future__ import annotations

import logging
import sys

from tests.laws.laws import lines


def main() -> int:
    """Print the table."""
    # What the functions log of each fault would hide the table.
    logging.getLogger("imagecache").setLevel(logging.CRITICAL)
    over = 0
    print(f"{'law':4}{'what was run':78}{'under':36}{'bound':>8}{'worst':>9}")
    for line in lines(short="--short" in sys.argv):
        over += not line.holds
        mark = "" if line.holds else "  OVER"
        print(f"{line.law:4}{line.what:78}{line.switch:36}{line.bound:8.2f}{line.worst:9.2f}{mark}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
