"""What a package consists of, for a person and as a manifest for a program. Must not know how it was made."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .content import CA_FILE, RULES
from .wheels import Wheel

__all__ = ["Part", "Report", "manifest", "show"]


@dataclass(frozen=True)
class Part:
    """What one package weighs in the zip file.

    Attributes:
        owner: the name of its wheel, or ours.
        files: their number.
        unpacked: bytes.
        zipped: bytes.
    """

    owner: str
    files: int
    unpacked: int
    zipped: int


@dataclass(frozen=True)
class Report:
    """A package that was made.

    Attributes:
        runtime: the name of the runtime.
        output: the zip file.
        size: of the zip file, bytes.
        sha256: of the zip file, hex digits.
        pyc: the version of the interpreter that compiled the modules; None when they are not compiled.
        wheels: the dependencies.
        parts: by weight, the heaviest first.
        rules: the file with the rules in it; None when there are none.
        ca_file: the file of certificate authorities in it; None when there is none.
        warnings: what a person has to know.
    """

    runtime: str
    output: Path
    size: int
    sha256: str
    pyc: str | None
    wheels: Sequence[Wheel]
    parts: Sequence[Part]
    rules: Path | None
    ca_file: Path | None
    warnings: Sequence[str]


def manifest(report: Report) -> bytes:
    """The manifest that lies beside the zip file, JSON."""
    document = {
        "runtime": report.runtime,
        "sha256": report.sha256,
        "size": report.size,
        "packages": {wheel.name: wheel.version for wheel in report.wheels},
        "pyc": report.pyc,
        "rules": None if report.rules is None else RULES,
        "caFile": None if report.ca_file is None else CA_FILE,
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def show(report: Report, console: Console) -> None:
    """Print a report."""
    wheels = {wheel.name: wheel for wheel in report.wheels}
    table = Table(box=None, header_style="bold")
    for column in ("package", "version", "files", "unpacked", "zipped"):
        table.add_column(column, justify="right" if column in {"files", "unpacked", "zipped"} else "left")
    for part in report.parts:
        table.add_row(
            part.owner,
            wheels[part.owner].version if part.owner in wheels else "",
            *(f"{number:,}" for number in (part.files, part.unpacked, part.zipped)),
        )
    console.print(table)
    unpacked = sum(part.unpacked for part in report.parts)
    files = sum(part.files for part in report.parts)
    compiled = f"compiled by CPython {report.pyc}" if report.pyc else "not compiled"
    lines = (
        "",
        *(
            f"{wheel.sha256}  {wheel.path.name}{' (built here)' if wheel.built else ''}"
            for wheel in report.wheels
        ),
        "",
        f"{report.output}",
        f"runtime   {report.runtime}, modules {compiled}",
        *([f"rules     {RULES} from {report.rules}"] if report.rules else []),
        *([f"CA file   {CA_FILE} from {report.ca_file}"] if report.ca_file else []),
        f"size      {report.size:,} bytes, unpacked {unpacked:,} bytes in {files:,} files",
        f"sha256    {report.sha256}",
        f"zlib      {zlib.ZLIB_RUNTIME_VERSION} (another may make other bytes of the same content)",
    )
    for line in lines:
        # No wrapping: a path and a digest are there to be copied.
        console.print(line, soft_wrap=True, markup=False, highlight=False)
