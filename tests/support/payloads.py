"""The samples of payloads, as documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["read_sample", "sample_names"]

_FOLDER = Path(__file__).parents[1] / "payloads"


def read_sample(path: str) -> Any:
    """A sample, by its path in the folder of the samples."""
    return json.loads((_FOLDER / path).read_text(encoding="utf-8"))


def sample_names(source: str) -> set[str]:
    """The names of the samples of a source, without their endings."""
    return {path.stem for path in (_FOLDER / source).iterdir()}
