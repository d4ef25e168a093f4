"""Reads the lock of the dependencies, and refuses one that does not follow from what it was made from.

An entry is a pinned version, perhaps a marker, hashes, and as comments who needs the package.
Must not know how a package is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from .errors import PackageError
from .runtimes import Runtime

__all__ = ["LockError", "Pin", "check_lock", "pins_for", "read_lock", "read_requirements"]

_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")
_NEEDED_BY = re.compile(r"#\s*(?:via(?:\s+|$))?(.*)")
_BY_HAND = "-r"
"""How a comment of the lock begins that says an entry is asked for by a file of requirements."""


class LockError(PackageError):
    """Raised when the lock cannot be read, or does not satisfy the requirements."""


@dataclass(frozen=True)
class Pin:
    """An entry of the lock.

    Attributes:
        name: in its canonical form.
        version: the only one that is allowed.
        marker: where the entry holds; None for everywhere.
        hashes: of the files that may be installed, each ``sha256:<hex digits>``.
        needed_by: canonical names of the packages that need it, or ``-r <file>``.
        line: where in the lock it begins.
    """

    name: str
    version: str
    marker: Marker | None
    hashes: tuple[str, ...]
    needed_by: tuple[str, ...]
    line: int

    def holds(self, runtime: Runtime) -> bool:
        """Whether the entry is for a runtime."""
        return self.marker is None or self.marker.evaluate(runtime.markers)


@dataclass
class _Entry:
    line: int
    text: str
    hashes: list[str] = field(default_factory=list)
    needed_by: list[str] = field(default_factory=list)


def read_requirements(path: Path) -> tuple[Requirement, ...]:
    """Read what a person asked for: a requirement a line, comments, no options.

    Raises:
        LockError: a line is no requirement.
        OSError: the file cannot be read.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if text:
            found.append(_requirement(path, number, text))
    return tuple(found)


def read_lock(path: Path) -> tuple[Pin, ...]:
    """Read a lock.

    Raises:
        LockError: a line has none of the known forms, or an entry is not pinned or has no hash.
        OSError: the file cannot be read.
    """
    entries: list[_Entry] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip().removesuffix("\\").rstrip()
        if not text:
            continue
        if not line[0].isspace():
            if not text.startswith("#"):
                entries.append(_Entry(number, text))
        elif not entries:
            raise LockError(f"{path.name}:{number}: an entry is expected, {text!r} found")
        elif match := _HASH.fullmatch(text):
            entries[-1].hashes.append(match[1])
        elif match := _NEEDED_BY.fullmatch(text):
            entries[-1].needed_by += filter(None, [match[1]])
        else:
            raise LockError(
                f"{path.name}:{number}: a hash (--hash=sha256:...) or a comment is expected, {text!r} found"
            )
    return tuple(_pin(path, entry) for entry in entries)


def _requirement(path: Path, line: int, text: str) -> Requirement:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        summary = str(error).splitlines()[0]
        raise LockError(f"{path.name}:{line}: a requirement is expected, {text!r} found: {summary}") from None
    if requirement.url is not None:
        raise LockError(f"{path.name}:{line}: a version is expected, a URL found for {requirement.name}")
    return requirement


def _pin(path: Path, entry: _Entry) -> Pin:
    requirement = _requirement(path, entry.line, entry.text)
    specifiers = list(requirement.specifier)
    if len(specifiers) != 1 or specifiers[0].operator != "==" or specifiers[0].version.endswith("*"):
        raise LockError(f"{path.name}:{entry.line}: one version (==) is expected, {entry.text!r} found")
    if not entry.hashes:
        raise LockError(f"{path.name}:{entry.line}: {requirement.name} has no hash")
    return Pin(
        name=canonicalize_name(requirement.name),
        version=specifiers[0].version,
        marker=requirement.marker,
        hashes=tuple(entry.hashes),
        needed_by=tuple(
            text if text.startswith(_BY_HAND) else canonicalize_name(text) for text in entry.needed_by
        ),
        line=entry.line,
    )


def check_lock(pins: Sequence[Pin], requirements: Sequence[Requirement]) -> None:
    """Check that a lock follows from the requirements: nothing missing, out of range or left over.

    Raises:
        LockError: it does not; all reasons are listed.
    """
    problems = []
    for requirement in requirements:
        of_that_name = [pin for pin in pins if pin.name == canonicalize_name(requirement.name)]
        if not of_that_name:
            problems.append(f"{requirement} is asked for, and is not in the lock")
        problems += [
            f"{requirement} is asked for, and the lock (line {pin.line}) has {pin.version}"
            for pin in of_that_name
            if not requirement.specifier.contains(pin.version, prereleases=True)
        ]
    asked_for = {canonicalize_name(requirement.name) for requirement in requirements}
    needed = _needed(pins, asked_for)
    problems += [
        f"{pin.name} {pin.version} is in the lock (line {pin.line}), and nothing needs it"
        for pin in pins
        if pin.name not in needed
    ]
    if problems:
        raise LockError("the lock does not follow from the requirements: " + "; ".join(problems))


def _needed(pins: Sequence[Pin], asked_for: Iterable[str]) -> set[str]:
    """The names that are reached from what is asked for, going by the lock's comments."""
    needed = {str(name) for name in asked_for}
    found = True
    while found:
        further = {pin.name for pin in pins if needed & set(pin.needed_by)} - needed
        needed |= further
        found = bool(further)
    return needed


def pins_for(pins: Sequence[Pin], requirements: Sequence[Requirement], runtime: Runtime) -> tuple[Pin, ...]:
    """The entries that hold for a runtime, by name.

    Raises:
        LockError: a name has two entries for the runtime, or a requirement has none.
    """
    chosen: dict[str, Pin] = {}
    for pin in pins:
        if not pin.holds(runtime):
            continue
        if pin.name in chosen:
            raise LockError(
                f"{pin.name} has two entries for {runtime.name},"
                f" in lines {chosen[pin.name].line} and {pin.line}"
            )
        chosen[pin.name] = pin
    for requirement in requirements:
        wanted = requirement.marker is None or requirement.marker.evaluate(runtime.markers)
        if wanted and canonicalize_name(requirement.name) not in chosen:
            raise LockError(f"{requirement} has no entry in the lock that holds for {runtime.name}")
    return tuple(chosen[name] for name in sorted(chosen))
