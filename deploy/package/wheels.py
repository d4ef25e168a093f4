"""Fetches the wheels that a lock names, for the machine of a runtime, and builds those that are not there.

Must not know what of a wheel is deployed.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from .errors import PackageError
from .lock import Pin
from .pip import run_pip
from .runtimes import Runtime

__all__ = ["SOURCE_ONLY", "Wheel", "WheelError", "check_dependencies", "fetch_wheels"]

SOURCE_ONLY = frozenset({"aliyun-fc2", "aliyun-python-sdk-eci"})
"""What is published as source only, so that its wheel is built here: plain Python, good for every runtime."""

_BUILD_TOOLS = Path(__file__).with_name("build-constraints.txt")
_PURE = "py3-none-any"


class WheelError(PackageError):
    """Raised when the wheels are not those that the lock names, or not complete."""


@dataclass(frozen=True)
class Wheel:
    """A wheel on this machine's disk.

    Attributes:
        name: of the package, in its canonical form.
        version: of the package.
        path: of the file.
        sha256: of the file, in hex digits.
        built: whether it was built here, from a source package whose hash the lock has.
    """

    name: str
    version: str
    path: Path
    sha256: str
    built: bool


def fetch_wheels(pins: Sequence[Pin], runtime: Runtime, work: Path) -> tuple[Wheel, ...]:
    """Fetch or build a wheel for each entry of the lock.

    Args:
        pins: the entries that hold for the runtime.
        runtime: whose machine the wheels are for.
        work: an empty folder.

    Returns:
        The wheels, by name.

    Raises:
        PipError: pip fails: there is no such file, its hash differs, the index is not reached.
        WheelError: pip brought something else than the lock names.
    """
    temporary = work / "pip"
    temporary.mkdir()
    published = [pin for pin in pins if pin.name not in SOURCE_ONLY]
    from_source = [pin for pin in pins if pin.name in SOURCE_ONLY]
    downloaded, built = work / "downloaded", work / "built"
    if published:
        run_pip(
            "fetching wheels",
            [
                "download",
                *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
                *("--implementation", "cp", "--python-version", runtime.python),
                *("--abi", runtime.abi, "--abi", "abi3", "--abi", "none"),
                *(part for platform in runtime.platforms for part in ("--platform", platform)),
                *("--dest", str(downloaded)),
                *("--requirement", str(_write(work / "published.txt", published))),
            ],
            work=temporary,
        )
    if from_source:
        # An isolated build would fetch its tools without looking at hashes, once for each package.
        tools = work / "tools"
        run_pip(
            "fetching what builds wheels",
            [
                *("install", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
                *("--target", str(tools), "--requirement", str(_BUILD_TOOLS)),
            ],
            work=temporary,
        )
        run_pip(
            "building wheels",
            [
                "wheel",
                # A wheel in the cache may have been built with other tools than the pinned ones.
                "--no-cache-dir",
                *("--no-deps", "--require-hashes", "--use-pep517", "--no-build-isolation"),
                *("--no-binary", ",".join(pin.name for pin in from_source)),
                *("--wheel-dir", str(built)),
                *("--requirement", str(_write(work / "from-source.txt", from_source))),
            ],
            work=temporary,
            modules=tools,
        )
    wheels = [*_wheels(downloaded, built=False), *_wheels(built, built=True)]
    _check_against_lock(wheels, pins)
    return tuple(sorted(wheels, key=lambda wheel: wheel.name))


def _write(path: Path, pins: Sequence[Pin]) -> Path:
    # Without markers: they were judged for the runtime, and pip would judge them for its own Python.
    lines = [
        " ".join([f"{pin.name}=={pin.version}", *(f"--hash={digest}" for digest in pin.hashes)])
        for pin in pins
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _wheels(folder: Path, *, built: bool) -> list[Wheel]:
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            name, version, _, tags = parse_wheel_filename(path.name)
        except InvalidWheelFilename as error:
            raise WheelError(f"a wheel is expected, pip brought {path.name}: {error}") from None
        if built and {str(tag) for tag in tags} != {_PURE}:
            raise WheelError(f"{path.name}: a wheel that is built here must be plain Python ({_PURE})")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found.append(Wheel(name, str(version), path, digest, built))
    return found


def _check_against_lock(wheels: Sequence[Wheel], pins: Sequence[Pin]) -> None:
    expected = {(pin.name, Version(pin.version)) for pin in pins}
    found = {(wheel.name, Version(wheel.version)) for wheel in wheels}
    if differing := sorted(f"{name} {version}" for name, version in expected ^ found):
        raise WheelError(f"the wheels are not those of the lock: {', '.join(differing)}")
    hashes = {pin.name: pin.hashes for pin in pins}
    for wheel in wheels:
        if not wheel.built and f"sha256:{wheel.sha256}" not in hashes[wheel.name]:
            raise WheelError(f"{wheel.path.name}: the lock does not have its hash, sha256:{wheel.sha256}")


def check_dependencies(wheels: Sequence[Wheel], runtime: Runtime) -> None:
    """Check that what the wheels say they need on a runtime is among them.

    pip does not look: it is told to install the lock and nothing else.

    Raises:
        WheelError: something is missing or has a version that is out of range; everything is listed.
    """
    versions = {wheel.name: wheel.version for wheel in wheels}
    problems = []
    for wheel in wheels:
        for requirement in _needs(wheel):
            if requirement.marker is not None and not requirement.marker.evaluate(runtime.markers):
                continue
            version = versions.get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                problems.append(f"{wheel.name} needs {requirement}, found: {version or 'nothing'}")
    if problems:
        raise WheelError(f"the lock is not complete for {runtime.name}: {'; '.join(problems)}")


def _needs(wheel: Wheel) -> list[Requirement]:
    with zipfile.ZipFile(wheel.path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        if len(names) != 1:
            raise WheelError(f"{wheel.path.name}: one METADATA file is expected, {len(names)} found")
        metadata = HeaderParser().parsestr(archive.read(names[0]).decode("utf-8"))
    return [Requirement(text) for text in metadata.get_all("Requires-Dist") or ()]
