"""Writes a zip file whose bytes depend on its content alone, and puts files in their place as a whole.

The bytes depend on the zlib of this machine too, as deflate may be done in many ways: same content and same
zlib, same bytes. Must not know what the files are.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from .content import Entry
from .errors import PackageError

__all__ = ["ArchiveError", "check_paths", "entry_time", "make_archive", "replace_file"]

_FIRST = datetime(1980, 1, 1, tzinfo=timezone.utc)
_LAST = datetime(2107, 12, 31, 23, 59, 58, tzinfo=timezone.utc)
"""The moments that a zip file can name."""

_UNIX = 3
_LEVEL = 9
_FILE, _LIBRARY = 0o100644, 0o100755
_REGULAR_FILE_SHIFT = 16
"""In the attributes of an entry the Unix mode stands above the 16 bits of the old ones."""


class ArchiveError(PackageError):
    """Raised when what is to be archived depends on this machine, or a setting for it is wrong."""


def entry_time(environment: Mapping[str, str]) -> datetime:
    """The time of all entries: 1980-01-01, or SOURCE_DATE_EPOCH (seconds since 1970, UTC).

    Raises:
        ArchiveError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return _FIRST
    try:
        moment = datetime.fromtimestamp(int(text), tz=timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise ArchiveError(f"SOURCE_DATE_EPOCH: seconds since 1970 are expected, {text!r} found") from None
    return min(max(moment, _FIRST), _LAST)


def make_archive(entries: Sequence[Entry], moment: datetime) -> bytes:
    """The zip file: sorted, with one time and fixed permissions for all entries.

    Args:
        entries: what is in it.
        moment: the time of each entry; a zip file knows no zone and even seconds only.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for entry in sorted(entries, key=lambda entry: entry.name):
            info = zipfile.ZipInfo(entry.name, moment.timetuple()[:6])
            info.create_system = _UNIX
            mode = _LIBRARY if entry.name.endswith(".so") else _FILE
            info.external_attr = mode << _REGULAR_FILE_SHIFT
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entry.content, compresslevel=_LEVEL)
    return buffer.getvalue()


def check_paths(entries: Sequence[Entry], folder: Path) -> None:
    """Check that no file tells where on this machine it was made.

    Args:
        entries: the files.
        folder: where everything was made; its name is unlike any other.

    Raises:
        ArchiveError: a file has its path in it.
    """
    paths = {os.fsencode(folder), os.fsencode(folder.resolve())}
    if found := [entry.name for entry in entries if any(path in entry.content for path in paths)]:
        raise ArchiveError(f"{', '.join(found)}: the path of the folder it was made in is in it")


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that at its path there is the old one or the new one, and never a part of one.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
