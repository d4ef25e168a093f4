"""Compiles a package's modules with the interpreter of its runtime, so that a cold start need not.

Function Compute mounts the code read-only: a module without a .pyc file in the package is compiled anew at
every cold start. The files are unchecked (PEP 552): the interpreter takes them without looking at the source,
whose time of change is another after each unpacking. Must not know what the modules are.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .content import Entry
from .errors import PackageError
from .runtimes import CODE_FOLDER, Runtime

__all__ = ["compile_entries", "find_interpreter", "interpreter_version"]

_SECONDS = 300.0
_DESCRIBE = (
    "import importlib.util, json, platform, sys;"
    "print(json.dumps([platform.python_version(), platform.python_implementation(),"
    " int.from_bytes(importlib.util.MAGIC_NUMBER[:2], 'little')]))"
)


def find_interpreter(root: Path, runtime: Runtime) -> Path | None:
    """The interpreter of this machine that is of a runtime's version; None when there is none."""
    try:
        done = _run([str(root / ".ci" / "find-python"), runtime.python], cwd=root)
    except OSError:
        return None
    path = done.stdout.strip()
    return Path(path) if done.returncode == 0 and path else None


def interpreter_version(interpreter: Path, runtime: Runtime) -> str:
    """The full version of an interpreter, such as 3.12.1, if what it compiles is good for a runtime.

    Raises:
        PackageError: it cannot be run, or is another Python.
    """
    try:
        done = _run([str(interpreter), "-I", "-S", "-c", _DESCRIBE], cwd=Path("/"))
    except OSError as error:
        raise PackageError(f"{interpreter}: cannot be run: {error.strerror}") from None
    if done.returncode:
        raise PackageError(f"{interpreter}: an interpreter is expected, it ends with {done.returncode}")
    version, implementation, magic = json.loads(done.stdout)
    if implementation != "CPython" or magic != runtime.magic:
        raise PackageError(
            f"{interpreter}: CPython {runtime.python} (magic number {runtime.magic}) is expected,"
            f" {implementation} {version} ({magic}) found"
        )
    return str(version)


def compile_entries(
    entries: Sequence[Entry], interpreter: Path, runtime: Runtime, work: Path
) -> tuple[Entry, ...]:
    """A .pyc file for each module.

    The modules are compiled in one process, in the order of their names, with a fixed hash seed: what is
    written is then the same each time, as far as CPython allows. File names in it are those in the cloud.

    Args:
        entries: the package's files; those that are no modules are passed over.
        interpreter: of the runtime.
        runtime: whose names of .pyc files are used.
        work: a folder for temporary files.

    Raises:
        PackageError: a module does not compile.
    """
    modules = [entry for entry in entries if entry.name.endswith(".py")]
    with tempfile.TemporaryDirectory(dir=work) as folder:
        # The interpreter looks for the compiler beside it first, so this folder must hold nothing else.
        code = Path(folder).resolve() / "code"
        for module in modules:
            path = code / module.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(module.content)
        arguments = [
            *(str(interpreter), "-S", "-s", "-B", "-m", "compileall"),
            *("-q", "-f", "-j", "1", "-o", "0", "--invalidation-mode", "unchecked-hash"),
            *("-s", str(code), "-p", CODE_FOLDER, str(code)),
        ]
        done = _run(arguments, cwd=Path(folder))
        if done.returncode:
            raise PackageError(f"the modules do not compile: {(done.stdout + done.stderr).strip()[-1000:]}")
        return tuple(_compiled(code, module, runtime) for module in modules)


def _compiled(code: Path, module: Entry, runtime: Runtime) -> Entry:
    path = Path(module.name)
    name = (path.parent / "__pycache__" / f"{path.stem}.{runtime.cache_tag}.pyc").as_posix()
    return Entry(name, (code / name).read_bytes(), module.owner)


def _run(arguments: Sequence[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    # PYTHON* variables of this machine have no say in what is compiled.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        return subprocess.run(  # noqa: S603 - an interpreter that was asked for
            arguments,
            cwd=cwd,
            env={**environment, "PYTHONHASHSEED": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(f"{arguments[0]}: did not end within {_SECONDS:.0f} seconds") from None
