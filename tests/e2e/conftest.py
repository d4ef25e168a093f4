"""What is deployed, as source and as the packages that are built from it."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.package.build import build_package
from deploy.package.runtimes import RUNTIMES

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Artefact:
    """Code, the interpreter that runs it, and the runtime whose context it gets."""

    code: Path
    interpreter: Path
    runtime: str


@pytest.fixture(scope="session", params=["source", "python3.12", "python3.10"])
def artefact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    if request.param == "source":
        return Artefact(ROOT / "functions", Path(sys.executable), "python3.12")
    runtime = RUNTIMES[request.param]
    found = subprocess.run(
        [ROOT / ".ci/find-python", runtime.python], capture_output=True, text=True, check=False, timeout=30
    )
    if found.returncode:
        pytest.skip(f"there is no Python {runtime.python} on this machine")
    interpreter = Path(found.stdout.strip())
    # Shared by the processes of one test run, and built by the first of them.
    shared = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        shared = shared.parent
    package = shared / f"imc-refresh-{runtime.name}.zip"
    with locked(package.with_suffix(".lock")):
        if not package.exists():
            build_package(ROOT, runtime, package, interpreter=interpreter, allow_uncommitted=True)
    return Artefact(package, interpreter, runtime.name)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
