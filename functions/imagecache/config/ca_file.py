"""Checks the file of certificate authorities of one's own registries, before a connection depends on it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
"""The folder of the entry points, from which relative names count."""

MOST_BYTES = 1024 * 1024


@lru_cache(maxsize=2)
def ca_path(name: str) -> str:
    """The whole path of a PEM file of certificate authorities.

    Args:
        name: of the file, relative to the package or whole.

    Raises:
        ValueError: when it cannot be read or has no certificate; its text goes on after the name.
    """
    import ssl  # noqa: PLC0415 - who names no file need not pay for it

    path = PACKAGE / name
    problem = ""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            problem = f"has {size} bytes, more than {MOST_BYTES}"
        else:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        problem = "has no certificate in PEM form"
    except (OSError, ValueError) as error:
        # A name with a null character is no name: that is the only ValueError.
        problem = f"cannot be read: {getattr(error, 'strerror', None) or 'it is not a file name'}"
    if problem:
        raise ValueError(problem)
    return str(path)
