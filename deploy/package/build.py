"""Makes a package, step by step; each step's knowledge is in its own module.

Must not know the command line.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from deploy.rules import ca_problem, rules_problems

from .archive import check_paths, make_archive, replace_file
from .bytecode import compile_entries, find_interpreter, interpreter_version
from .content import CA_FILE, RULES, collect
from .dependencies import check_complete, install, locked, read_requirements
from .errors import PackageError
from .report import Report, manifest, parts_of
from .runtimes import Runtime

__all__ = ["build_package"]

MAX_BYTES = 8_000_000
"""The most that a zip file may weigh; what is larger has taken in something that is not needed."""

_REQUIREMENTS, _LOCK = "requirements.in", "requirements.txt"


def build_package(  # noqa: PLR0913 - what a package is made from, by name
    root: Path,
    runtime: Runtime,
    output: Path,
    *,
    interpreter: Path | None = None,
    bytecode: bool = True,
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
        rules: a file with rules that goes along; None for none.
        ca_file: a file of certificate authorities that goes along; None for none.

    Raises:
        PackageError: no package can be made; the text says why.
        OSError: a file cannot be read or written.
    """
    given = {RULES: _read_rules(rules)} if rules else {}
    given |= {CA_FILE: _read_ca_file(ca_file)} if ca_file else {}
    requirements = [requirement for requirement, _ in read_requirements(root / _REQUIREMENTS)]
    entries_of_lock = locked(root / _LOCK, runtime)
    warnings = [f"{name} has changes that are not committed." for name in _uncommitted(root)]
    compiler = (interpreter or find_interpreter(root, runtime)) if bytecode else None
    pyc = interpreter_version(compiler, runtime) if compiler else None

    with tempfile.TemporaryDirectory(prefix="imc-refresh-package-") as name:
        work = Path(name)
        dependencies = install(entries_of_lock, runtime, work / "code", work / "install")
        check_complete(dependencies, requirements, runtime)
        entries = collect(root, dependencies, work / "code", given)
        if compiler:
            entries += compile_entries(entries, compiler, runtime, work)
        check_paths(entries, work)
    archive = make_archive(entries)
    parts = parts_of(entries, archive)
    if len(archive) > MAX_BYTES:
        heaviest = ", ".join(f"{part.owner} {part.zipped:,}" for part in parts[:3])
        raise PackageError(
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
        packages={one.name: one.version for one in dependencies},
        parts=parts,
        rules=rules,
        ca_file=ca_file,
        warnings=tuple(warnings),
    )
    replace_file(output, archive)
    replace_file(output.with_suffix(".json"), manifest(report))
    return report


def _read_ca_file(path: Path) -> bytes:
    if problem := ca_problem(path):
        raise PackageError(f"{path}: {problem}")
    return path.read_bytes()


def _read_rules(path: Path) -> bytes:
    content = path.read_bytes()
    if problems := rules_problems(content):
        raise PackageError("\n".join(f"{path}: {problem}" for problem in problems))
    return content


def _uncommitted(root: Path) -> list[str]:
    """Those of the requirements and their lock that git knows in another form; none where there is no git."""
    # A hook of git sets GIT_DIR and more of the kind, which would speak of another work tree.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "status", "--porcelain", "--", _REQUIREMENTS, _LOCK]
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, arguments of our own
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line[3:] for line in done.stdout.splitlines()]
