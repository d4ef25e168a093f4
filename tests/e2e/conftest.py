"""What is deployed, as source and as the packages that are built from it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packages import interpreter, package

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Artefact:
    """Code, the interpreter that runs it, and the runtime whose context it gets."""

    code: Path
    interpreter: Path
    runtime: str


DEEP = [pytest.param(runtime, marks=pytest.mark.deep) for runtime in ("python3.12", "python3.10")]


@pytest.fixture(scope="session", params=["source", *DEEP])
def artefact(request: pytest.FixtureRequest) -> Artefact:
    if request.param == "source":
        return Artefact(ROOT / "functions", Path(sys.executable), "python3.12")
    python = interpreter(request.param)
    if python is None:
        pytest.skip(f"there is no interpreter of {request.param} on this machine")
    return Artefact(package(request.param), python, request.param)
