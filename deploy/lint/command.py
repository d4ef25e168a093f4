"""The command ``python -m deploy lint``: what it prints, and its exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .check import lint_template
from .document import form_problems, read_document

__all__ = ["run"]

ROOT = Path(__file__).parents[2]


def run(arguments: Sequence[str]) -> int:
    """Check the template; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy lint",
        description="Check template.yml against the vendor's property lists and against the code.",
    )
    parser.add_argument(
        "template", nargs="?", type=Path, default=ROOT / "template.yml", help="the template (template.yml)"
    )
    template: Path = parser.parse_args(arguments).template
    try:
        problems = lint_template(template, ROOT)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for problem in problems:
        print(f"{template.name}: {problem.path}: {problem.message}")
    if problems:
        return 1
    document = read_document(form_problems(template)[0])
    counted = f"{len(document.resources)} resources, {len(document.parameters)} parameters"
    print(f"{template.name}: {counted}, no problem")
    return 0
