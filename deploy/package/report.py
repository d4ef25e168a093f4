"""What a package consists of, for a person and as a manifest for a program. Must not know how it was made."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from .content import CA_FILE, RULES, Entry

__all__ = ["Report", "manifest", "parts_of", "show"]


class Part(NamedTuple):
    """What one dependency, or ours, weighs in the zip file; sizes in bytes."""

    owner: str
    files: int
    unpacked: int
    zipped: int


def parts_of(entries: Sequence[Entry], archive: bytes) -> list[Part]:
    """What a package consists of, the heaviest first."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        zipped = {info.filename: info.compress_size for info in opened.infolist()}
    by_owner: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_owner[entry.owner].append(entry)
    parts = [
        Part(owner, len(its), sum(len(one.content) for one in its), sum(zipped[one.name] for one in its))
        for owner, its in by_owner.items()
    ]
    return sorted(parts, key=lambda part: (-part.zipped, part.owner))


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
    packages: Mapping[str, str]
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
        "packages": dict(report.packages),
        "pyc": report.pyc,
        "rules": None if report.rules is None else RULES,
        "caFile": None if report.ca_file is None else CA_FILE,
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def show(report: Report, console: Console) -> None:
    """Print a report."""
    table = Table("package", "version", box=None, header_style="bold")
    for column in ("files", "unpacked", "zipped"):
        table.add_column(column, justify="right")
    for owner, *numbers in report.parts:
        table.add_row(owner, report.packages.get(owner, ""), *(f"{number:,}" for number in numbers))
    console.print(table)
    unpacked = sum(part.unpacked for part in report.parts)
    files = sum(part.files for part in report.parts)
    compiled = f"compiled by CPython {report.pyc}" if report.pyc else "not compiled"
    lines = (
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
