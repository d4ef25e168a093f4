"""Makes a package, step by step; each step's knowledge is in its own module.

Must not know the command line.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from deploy.rules import ca_problem, rules_problems

from .archive import check_paths, entry_time, make_archive, replace_file
from .bytecode import compile_entries, find_interpreter, interpreter_version
from .content import CA_FILE, RULES, Entry, collect
from .errors import PackageError
from .lock import check_lock, pins_for, read_lock, read_requirements
from .report import Part, Report, manifest
from .runtimes import Runtime
from .wheels import check_dependencies, fetch_wheels
from .worktree import check_committed

__all__ = ["MAX_BYTES", "CaFileError", "RulesError", "SizeError", "build_package", "manifest_path"]

MAX_BYTES = 8_000_000
"""The most that a zip file may weigh; what is larger has taken in something that is not needed."""

_REQUIREMENTS, _LOCK = "requirements.in", "requirements.txt"


class SizeError(PackageError):
    """Raised when the zip file is larger than ``MAX_BYTES``."""


class CaFileError(PackageError):
    """Raised when the certificate authorities that are to go along are none."""


class RulesError(PackageError):
    """Raised when the rules that are to go along are none that the functions would take."""


def manifest_path(output: Path) -> Path:
    """Where the manifest of a zip file lies."""
    return output.with_suffix(".json")


def build_package(  # noqa: PLR0913 - what a package is made from, by name
    root: Path,
    runtime: Runtime,
    output: Path,
    *,
    interpreter: Path | None = None,
    bytecode: bool = True,
    allow_uncommitted: bool = False,
    rules: Path | None = None,
    ca_file: Path | None = None,
) -> Report:
    """Make a package and its manifest.

    Args:
        root: the top folder of the source tree.
        runtime: what it is made for.
        output: the zip file, replaced as a whole when everything went well; its manifest lies beside it.
        interpreter: compiles the modules; None for the one of this machine that fits, if there is one.
        bytecode: whether the modules are compiled.
        allow_uncommitted: whether the requirements and their lock may have changes that are not committed.
        rules: a file with rules that goes along; None for none.
        ca_file: a file of certificate authorities that goes along; None for none.

    Raises:
        PackageError: no package can be made; the text says why.
        OSError: a file cannot be read or written.
    """
    given = {RULES: _read_rules(rules)} if rules else {}
    given |= {CA_FILE: _read_ca_file(ca_file)} if ca_file else {}
    moment = entry_time(os.environ)
    requirements = read_requirements(root / _REQUIREMENTS)
    pins = read_lock(root / _LOCK)
    check_lock(pins, requirements)
    chosen = pins_for(pins, requirements, runtime)
    warnings = []
    if not allow_uncommitted and (reason := check_committed(root, (_REQUIREMENTS, _LOCK))):
        warnings.append(f"Whether the lock is committed was not checked: {reason}.")
    compiler = (interpreter or find_interpreter(root, runtime)) if bytecode else None
    pyc = interpreter_version(compiler, runtime) if compiler else None

    with tempfile.TemporaryDirectory(prefix="imc-refresh-package-") as name:
        work = Path(name)
        wheels = fetch_wheels(chosen, runtime, work)
        check_dependencies(wheels, runtime)
        entries = collect(root, wheels, given)
        if compiler:
            entries += compile_entries(entries, compiler, runtime, work)
        check_paths(entries, work)
    archive = make_archive(entries, moment)
    parts = _parts(entries, archive)

    if len(archive) > MAX_BYTES:
        heaviest = ", ".join(f"{part.owner} {part.zipped:,}" for part in parts[:3])
        raise SizeError(
            f"{output.name}: at most {MAX_BYTES:,} bytes are expected, {len(archive):,} found; "
            f"the heaviest: {heaviest}"
        )
    if pyc is None:
        cause = f"there is no Python {runtime.python} on this machine" if bytecode else "as asked"
        warnings.append(f"The modules are not compiled ({cause}): every cold start has to, and is slower.")
    report = Report(
        runtime=runtime.name,
        output=output,
        size=len(archive),
        sha256=hashlib.sha256(archive).hexdigest(),
        pyc=pyc,
        wheels=wheels,
        parts=parts,
        rules=rules,
        ca_file=ca_file,
        warnings=tuple(warnings),
    )
    replace_file(output, archive)
    replace_file(manifest_path(output), manifest(report))
    return report


def _read_ca_file(path: Path) -> bytes:
    if problem := ca_problem(path):
        raise CaFileError(f"{path}: {problem}")
    return path.read_bytes()


def _read_rules(path: Path) -> bytes:
    content = path.read_bytes()
    if problems := rules_problems(content):
        raise RulesError("\n".join(f"{path}: {problem}" for problem in problems))
    return content


def _parts(entries: Sequence[Entry], archive: bytes) -> tuple[Part, ...]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        zipped = {info.filename: info.compress_size for info in opened.infolist()}
    by_owner: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_owner[entry.owner].append(entry)
    parts = [
        Part(
            owner=owner,
            files=len(its),
            unpacked=sum(len(entry.content) for entry in its),
            zipped=sum(zipped[entry.name] for entry in its),
        )
        for owner, its in by_owner.items()
    ]
    return tuple(sorted(parts, key=lambda part: (-part.zipped, part.owner)))
