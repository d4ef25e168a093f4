"""Writes a zip file whose bytes depend on its content alone, and puts files in their place as a whole.

The bytes depend on the zlib of this machine too, as deflate may be done in many ways: same content and same
zlib, same bytes. Must not know what the files are.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from .content import Entry
from .errors import PackageError

__all__ = ["check_paths", "make_archive", "replace_file"]

_TIME = (1980, 1, 1, 0, 0, 0)
"""Of all entries: the first moment that a zip file can name."""

_UNIX = 3
_LEVEL = 9
_FILE, _LIBRARY = 0o100644, 0o100755
_REGULAR_FILE_SHIFT = 16
"""In the attributes of an entry the Unix mode stands above the 16 bits of the old ones."""


def make_archive(entries: Sequence[Entry]) -> bytes:
    """The zip file: sorted, with one time and fixed permissions for all entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for entry in sorted(entries, key=lambda entry: entry.name):
            info = zipfile.ZipInfo(entry.name, _TIME)
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
        PackageError: a file has its path in it.
    """
    paths = {os.fsencode(folder), os.fsencode(folder.resolve())}
    if found := [entry.name for entry in entries if any(path in entry.content for path in paths)]:
        raise PackageError(f"{', '.join(found)}: the path of the folder it was made in is in it")


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
