"""The package of the source tree as it is, for tests that run what is deployed: built once, then kept."""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
import tempfile
import zlib
from pathlib import Path

from deploy.package.build import build_package
from deploy.package.bytecode import find_interpreter, interpreter_version
from deploy.package.runtimes import RUNTIMES

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "build" / "packages"
MOST_KEPT = 10


def package(runtime: str, rules: Path | None = None) -> Path:
    """The zip file for a runtime, with rules if there are any; its manifest lies beside.

    It is built at most once for each content of the source tree, whichever process asks: the others wait.
    Without an interpreter of the runtime's version the modules are not compiled.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        while not (kept := KEPT / key(runtime, rules)).is_dir():
            with tempfile.TemporaryDirectory(dir=KEPT, prefix=".building-") as folder:
                output = Path(folder) / "package" / f"imc-refresh-{runtime}.zip"
                build_package(ROOT, RUNTIMES[runtime], output, rules=rules)
                # Somebody may have written a file meanwhile; the package is then of no known content.
                if key(runtime, rules) == kept.name:
                    output.parent.rename(kept)
        forget_old_ones()
        return kept / f"imc-refresh-{runtime}.zip"


def interpreter(runtime: str) -> Path | None:
    """This machine's interpreter of a runtime's version, if it can run the package's compiled modules."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return None
    return find_interpreter(ROOT, RUNTIMES[runtime])


def key(runtime: str, rules: Path | None = None) -> str:
    """What the bytes of a package depend on, as a name of a folder."""
    digest = hashlib.sha256()
    compiler = find_interpreter(ROOT, RUNTIMES[runtime])
    version = compiler and interpreter_version(compiler, RUNTIMES[runtime])
    for text in (version, platform.python_version(), zlib.ZLIB_RUNTIME_VERSION):
        digest.update(f"{text}\n".encode())
    sources = [
        *(ROOT / "functions").rglob("*.py"),
        *(ROOT / "schemas").glob("*.json"),
        *(path for path in (ROOT / "deploy" / "package").iterdir() if path.is_file()),
        ROOT / "deploy" / "rules.py",
        *(ROOT / name for name in ("LICENSE", "requirements.in", "requirements.txt")),
    ]
    if rules is not None:
        digest.update(b"with rules\n" + rules.read_bytes())
    for path in sorted(sources):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()} {len(content)}\n".encode() + content)
    return f"{runtime}-{digest.hexdigest()[:16]}"


def forget_old_ones() -> None:
    folders = [path for path in KEPT.iterdir() if path.is_dir()]
    folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in folders[MOST_KEPT:]:
        shutil.rmtree(folder)
