"""Reads a built package: the zip and the manifest beside it. Must not know stacks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from .action import StackError

__all__ = ["Package", "read_package"]

_HASH_CHARACTERS = 16


@dataclass(frozen=True)
class Package:
    """A built package.

    Attributes:
        path: the zip.
        runtime: what it was built for.
        sha256: of its bytes, in hexadecimal.
        rules: the name of the rules in it; None when there are none.
        ca_file: the name of the certificate authorities in it; None when there are none.
    """

    path: Path
    runtime: str
    sha256: str
    rules: str | None = None
    ca_file: str | None = None

    @property
    def object_name(self) -> str:
        """Its name in the bucket: by its content, as functions get new code only when the name changes."""
        return object_name(self.sha256, self.path)


def object_name(sha256: str, path: Path) -> str:
    """The name that a file of this content has in the bucket; an older stack keeps what it was made from."""
    return f"imc-refresh/{sha256[:_HASH_CHARACTERS]}/{path.name}"


def read_package(path: Path) -> Package:
    """Read a package and the manifest beside it.

    Raises:
        StackError: one of them is missing, or they do not belong together.
    """
    manifest_path = path.with_suffix(".json")
    try:
        content = path.read_bytes()
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        runtime, sha256 = manifest["runtime"], manifest["sha256"]
        rules, ca_file = manifest.get("rules"), manifest.get("caFile")
    except OSError as error:
        made = "make package RUNTIME=python3.10" if "python3.10" in path.name else "make package"
        raise StackError(f"{error.filename}: {error.strerror}; `{made}` builds it") from None
    except (ValueError, KeyError, TypeError):
        raise StackError(f"{manifest_path}: is no manifest of a package; `make package` writes it") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StackError(f"{path}: is not what {manifest_path.name} describes; build it again")
    return Package(path, runtime, sha256, rules, ca_file)
