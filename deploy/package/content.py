"""What goes into a package and what stays out: our own files, and of dependencies what is needed at run time.

Must not know where dependencies come from, nor how an archive is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .dependencies import Dependency
from .errors import PackageError

__all__ = ["CA_FILE", "OWN", "RULES", "Entry", "collect", "dependency_entries", "own_entries"]

OWN = "imc-refresh"
"""Whose the files are that come from no dependency."""

LEFT_OUT_FOLDERS = {
    "__pycache__": "the compiled files are made for the runtime, by its own interpreter",
    "benchmarks": "measure the package itself",
    "bin": "commands: nobody has a shell there",
    "docs": "for readers",
    "tests": "test the package itself",
}
"""Folders that are left out wherever they lie, with the reason."""

LEFT_OUT_SUFFIXES = {
    ".c": "source of a compiled module",
    ".h": "source of a compiled module",
    ".pxd": "source of a compiled module",
    ".pyc": "see __pycache__",
    ".pyi": "read by type checkers only",
    ".pyx": "source of a compiled module",
}
"""Kinds of files that are left out, with the reason."""

LEFT_OUT_NAMES = {"__main__.py": "a command", "py.typed": "read by type checkers only"}
"""Files that are left out, with the reason."""

UNUSED = {
    "aliyunsdkcore/vendored/requests/packages/chardet/": "guesses encodings: imagecache/clients/left_out.py",
    "aliyunsdkcore/vendored/requests/packages/urllib3/contrib/_securetransport/": "TLS of macOS",
    "aliyunsdkcore/vendored/requests/packages/urllib3/contrib/appengine.py": "for another cloud",
    "aliyunsdkcore/vendored/requests/packages/urllib3/contrib/ntlmpool.py": "imported by nobody",
    "aliyunsdkcore/vendored/requests/packages/urllib3/contrib/pyopenssl.py": "for a Python without SNI",
    "aliyunsdkcore/vendored/requests/packages/urllib3/contrib/securetransport.py": "TLS of macOS",
    "_cffi_backend.": "as cryptography/",
    "cffi/": "as cryptography/",
    "charset_normalizer/": "guesses encodings: imagecache/clients/left_out.py",
    "cryptography/": "for credentials that a function never has: imagecache/clients/left_out.py",
    "idna/cli.py": "a command",
    "idna/uts46data.py": "for host names beyond ASCII, which the settings refuse",
    "jsonschema/cli.py": "a command",
    "pycparser/": "as cryptography/",
    "urllib3/contrib/emscripten/": "for Python in a browser",
    "urllib3/contrib/pyopenssl.py": "for a Python without SNI",
    "urllib3/http2/connection.py": "needs a package that is not there, and a call to switch it on",
    "websocket/": "for a console in an instance: imagecache/clients/left_out.py",
}
"""Beginnings of paths of code that is left out, as nothing that runs in the cloud imports it.

Found by asking an interpreter what it had loaded after all entry points and SDKs were imported; the tests of
the package ask again, and the local cloud runs on the package.
"""

USED_REQUESTS = (
    "aliyunsdkeci/request/v20180808/",
    frozenset({"__init__.py", "DescribeImageCachesRequest.py", "UpdateImageCacheRequest.py"}),
)
"""A folder of independent modules, one for each call of the API, and those of the calls that are made."""

CA_FILE = "ca.pem"
"""The name of certificate authorities in the package, if there are any; functions name it by IMC_CA_FILE."""

RULES = "rules.json"
"""The name of the rules in the package, if there are any; functions name it by IMC_RULES_FILE."""

_LICENCES = ("authors", "copying", "copyright", "licence", "license", "notice")
"""How the names of files begin that the terms of a package ask to be passed on."""


@dataclass(frozen=True)
class Entry:
    """A file of the package.

    Attributes:
        name: its path in the package.
        content: its bytes.
        owner: the name of the dependency that it is from, or ``OWN``.
    """

    name: str
    content: bytes
    owner: str


def collect(
    root: Path, dependencies: Sequence[Dependency], folder: Path, given: Mapping[str, bytes] | None = None
) -> tuple[Entry, ...]:
    """Everything that goes into the package, by name; without compiled files.

    Args:
        root: the top folder of the source tree.
        dependencies: what is installed.
        folder: where it is.
        given: files of the deployment's own that go along, by name.

    Raises:
        PackageError: two files have the same name.
        OSError: a file cannot be read.
    """
    found: dict[str, Entry] = {}
    along = (Entry(name, content, OWN) for name, content in (given or {}).items())
    from_others = (entry for one in dependencies for entry in dependency_entries(one, folder))
    for entry in (*own_entries(root), *along, *from_others):
        if other := found.get(entry.name):
            raise PackageError(f"{entry.name}: is in {other.owner} and in {entry.owner}")
        found[entry.name] = entry
    return tuple(found[name] for name in sorted(found))


def own_entries(root: Path) -> Iterator[Entry]:
    """The modules, the schemas and our licence: kinds by name, so that nothing stray goes along."""
    functions = root / "functions"
    modules = [path for path in functions.rglob("*.py") if path.is_file()]
    if not modules:
        raise PackageError(f"{functions}: modules are expected, none found")
    for path in modules:
        yield Entry(path.relative_to(functions).as_posix(), path.read_bytes(), OWN)
    for path in (root / "schemas").glob("*.schema.json"):
        yield Entry(f"schemas/{path.name}", path.read_bytes(), OWN)
    yield Entry(f"licenses/{OWN}/LICENSE", (root / "LICENSE").read_bytes(), OWN)


def dependency_entries(dependency: Dependency, folder: Path) -> Iterator[Entry]:
    """What of a dependency is deployed: its modules and their data, and its licence.

    Args:
        dependency: an installed package.
        folder: where it is installed.
    """
    # Commands, headers and data for other places of a machine lie beside the folder, as its record says.
    names = [path for path in map(PurePosixPath, dependency.found.files or ()) if ".." not in path.parts]
    placed = {path: _place(dependency, path) for path in names}
    # A package without a licence text still says in its metadata what its terms are.
    if not any(place and place.parts[0] == "licenses" for place in placed.values()):
        own = [path for path in names if path.match("*.dist-info/METADATA")]
        placed |= dict.fromkeys(own, _licence_folder(dependency) / "METADATA")
    for path, place in placed.items():
        if place is not None:
            yield Entry(place.as_posix(), (folder / path).read_bytes(), dependency.name)


def _place(dependency: Dependency, path: PurePosixPath) -> PurePosixPath | None:
    """Where a file of a dependency lies in the package; None when it is left out."""
    if path.parts[0].endswith(".dist-info"):
        inside = PurePosixPath(*path.parts[1:])
        if inside.parts[0] == "licenses":
            return _licence_folder(dependency) / inside.relative_to("licenses")
        return _licence_folder(dependency) / inside if _is_licence(inside) else None
    return None if _is_left_out(path) else path


def _licence_folder(dependency: Dependency) -> PurePosixPath:
    return PurePosixPath("licenses", f"{dependency.name}-{dependency.version}")


def _is_licence(path: PurePosixPath) -> bool:
    return path.name.lower().startswith(_LICENCES)


def _is_left_out(path: PurePosixPath) -> bool:
    if _is_licence(path) and path.suffix not in LEFT_OUT_SUFFIXES:
        return False
    name = path.as_posix()
    if name.startswith(tuple(UNUSED)):
        return True
    folder, used = USED_REQUESTS
    if name.startswith(folder) and path.name not in used:
        return True
    folders: Iterable[str] = path.parts[:-1]
    return (
        not LEFT_OUT_FOLDERS.keys().isdisjoint(folders)
        or path.suffix in LEFT_OUT_SUFFIXES
        or path.name in LEFT_OUT_NAMES
    )
