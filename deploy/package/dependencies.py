"""Puts the dependencies that the lock names into a folder, as they lie on a runtime's machine.

pip does it: it finds wheels for the machine, checks versions and hashes, builds and places them. What it does
not is done here: it judges markers by its own Python, and does not ask whether a lock is complete. Must not
know what is deployed of a dependency.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from .errors import PackageError
from .pip import run_pip
from .runtimes import Runtime

__all__ = [
    "SOURCE_ONLY",
    "Dependency",
    "check_complete",
    "install",
    "locked",
    "read_requirements",
]

SOURCE_ONLY = frozenset({"aliyun-fc2", "aliyun-python-sdk-eci"})
"""What is published as source only, so that its wheel is built here: plain Python, good for every runtime."""

_BUILD_TOOLS = Path(__file__).with_name("build-constraints.txt")
_COMMENT = re.compile(r"(^|\s)#.*")
_HASHES = re.compile(r"\s--hash=.*")


class Dependency(NamedTuple):
    """An installed package: its name in canonical form, its version, its files and metadata."""

    name: str
    version: str
    found: Distribution


def read_requirements(path: Path) -> tuple[tuple[Requirement, str], ...]:
    """Read a file of requirements or a lock: each requirement, and its line as pip takes it.

    Raises:
        PackageError: a line is no requirement.
        OSError: the file cannot be read.
    """
    found = []
    whole = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in whole.splitlines():
        text = _COMMENT.sub("", line).strip()
        if not text:
            continue
        try:
            found.append((Requirement(_HASHES.sub("", text).strip()), text))
        except InvalidRequirement as error:
            summary = str(error).splitlines()[0]
            raise PackageError(f"{path.name}: a requirement is expected, {text!r} found: {summary}") from None
    return tuple(found)


def locked(path: Path, runtime: Runtime) -> dict[str, str]:
    """The entries of a lock that hold for a runtime: name, and line for pip.

    Raises:
        PackageError: a name has two entries for the runtime, or a line is no requirement.
        OSError: the file cannot be read.
    """
    chosen: dict[str, str] = {}
    for requirement, line in read_requirements(path):
        if requirement.marker is not None and not requirement.marker.evaluate(runtime.markers):
            continue
        name = canonicalize_name(requirement.name)
        if name in chosen:
            raise PackageError(f"{path.name}: {name} has two entries for {runtime.name}")
        # Without the marker: it is judged, and pip would judge it for its own Python.
        hashes = "".join(_HASHES.findall(line))
        chosen[name] = f"{requirement.name}{requirement.specifier}{hashes}"
    return chosen


def install(entries: dict[str, str], runtime: Runtime, folder: Path, work: Path) -> tuple[Dependency, ...]:
    """Install the entries of a lock.

    Args:
        entries: name, and line for pip.
        runtime: whose machine they are for.
        folder: where they go.
        work: an empty folder.

    Returns:
        The packages, by name.

    Raises:
        PackageError: pip fails: there is no such file, its hash differs, the index is not reached, an entry
            is not pinned; or what was built is no plain Python.
    """
    temporary = work / "pip"
    temporary.mkdir(parents=True)
    lines = [line for name, line in entries.items() if name not in SOURCE_ONLY]
    if from_source := [name for name in entries if name in SOURCE_ONLY]:
        lines += _built([entries[name] for name in from_source], from_source, work)
    run_pip(
        "fetching wheels",
        [
            *("install", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile"),
            *("--implementation", "cp", "--python-version", runtime.python),
            *("--abi", runtime.abi, "--abi", "abi3", "--abi", "none"),
            *(part for platform in runtime.platforms for part in ("--platform", platform)),
            *("--target", str(folder), "--requirement", str(_write(work / "wheels.txt", lines))),
        ],
        work=temporary,
    )
    found = distributions(path=[str(folder)])
    return tuple(
        sorted(Dependency(canonicalize_name(one.metadata["Name"]), one.version, one) for one in found)
    )


def _built(lines: Sequence[str], names: Sequence[str], work: Path) -> list[str]:
    """Builds wheels; returns what pip takes for each."""
    tools, built = work / "tools", work / "built"
    # An isolated build would fetch its tools without looking at hashes, once for each package.
    run_pip(
        "fetching what builds wheels",
        [
            *("install", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("--target", str(tools), "--requirement", str(_BUILD_TOOLS)),
        ],
        work=work / "pip",
    )
    run_pip(
        "building wheels",
        [
            # A wheel in the cache may have been built with other tools than the pinned ones.
            *("wheel", "--no-cache-dir", "--no-deps", "--require-hashes", "--use-pep517"),
            *("--no-build-isolation", "--no-binary", ",".join(names)),
            *("--wheel-dir", str(built), "--requirement", str(_write(work / "from-source.txt", lines))),
        ],
        work=work / "pip",
        modules=tools,
    )
    wheels = sorted(built.iterdir())
    if strange := [path.name for path in wheels if not path.name.endswith("-py3-none-any.whl")]:
        raise PackageError(f"{', '.join(strange)}: a wheel that is built here must be plain Python")
    return [f"{path} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" for path in wheels]


def _write(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def check_complete(
    installed: Sequence[Dependency], requirements: Sequence[Requirement], runtime: Runtime
) -> None:
    """Check that what is installed follows from the requirements: nothing missing, out of range or left over.

    Raises:
        PackageError: it does not; all reasons are listed.
    """
    by_name = {one.name: one for one in installed}
    reached: set[str] = set()
    problems = []
    open_ends = [("requirements.in", requirement) for requirement in requirements]
    while open_ends:
        owner, requirement = open_ends.pop()
        if requirement.marker is not None and not requirement.marker.evaluate(runtime.markers):
            continue
        name = canonicalize_name(requirement.name)
        one = by_name.get(name)
        if one is None or not requirement.specifier.contains(one.version, prereleases=True):
            problems.append(f"{owner} needs {requirement}, found: {one.version if one else 'nothing'}")
        elif name not in reached:
            reached.add(name)
            open_ends += [(name, Requirement(text)) for text in one.found.requires or ()]
    problems += [f"nothing needs {one.name}" for one in installed if one.name not in reached]
    if problems:
        raise PackageError(f"the lock does not follow from the requirements: {'; '.join(sorted(problems))}")
