"""A package runs unpacked, read-only, with nothing else to import."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local.cloud import ROOT, Cloud, CloudConfig, CodeError
from local.package_code import python_version, unpacked

RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
HANDLER = """
import json, sys
import helper

def handler(event, context):
    importable = []
    for name in ("pytest", "httpx", "local"):
        try:
            __import__(name)
            importable.append(name)
        except ImportError:
            pass
    return json.dumps({"path": sys.path, "importable": importable, "file": __file__, "helped": helper.WORD})
"""
TEMPLATE = """
ROSTemplateFormatVersion: '2015-09-01'
Resources:
  F:
    Type: ALIYUN::FC3::Function
    Properties: {FunctionName: f, Handler: f.handler, Runtime: %s}
"""


def make_zip(path: Path, **files: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/") + ".py", content)
    return path


def tree(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


@pytest.mark.parametrize("version", ["3.10", "3.12"])
def test_functions_run_from_the_package_and_import_nothing_else(tmp_path: Path, version: str) -> None:
    found = subprocess.run(
        [ROOT / ".ci/find-python", version], capture_output=True, text=True, check=False, timeout=30
    )
    if found.returncode:
        pytest.skip(f"there is no Python {version} on this machine")
    run_from_package(tmp_path, Path(found.stdout.strip()), f"python{version}")


def run_from_package(tmp_path: Path, interpreter: Path, runtime: str) -> None:
    package = make_zip(tmp_path / "p.zip", f=HANDLER, helper="WORD = 'yes'")
    template = tmp_path / "template.yml"
    template.write_text(TEMPLATE % runtime)
    state = tmp_path / "state"
    with Cloud(CloudConfig(state, template=template, code=package, interpreter=interpreter)) as cloud:
        folder = next((state / "code").iterdir())
        before = tree(folder)
        answer = json.loads(cloud.invoke("f", b"{}").payload)
        assert tree(folder) == before
    assert answer["importable"] == []
    assert answer["helped"] == "yes"
    assert Path(answer["file"]).parent == folder.resolve()
    assert not [path for path in answer["path"] if "site-packages" in path]


def test_an_interpreter_of_another_version_is_refused(tmp_path: Path) -> None:
    other = "python3.10" if RUNTIME != "python3.10" else "python3.12"
    template = tmp_path / "template.yml"
    template.write_text(TEMPLATE % other)
    config = CloudConfig(tmp_path / "state", template=template, code=make_zip(tmp_path / "p.zip", f=HANDLER))
    with pytest.raises(CodeError, match=f"f is for {other}, and .* is {RUNTIME}"):
        Cloud(config)


def test_unpacked_files_and_folders_are_read_only(tmp_path: Path) -> None:
    folder = unpacked(make_zip(tmp_path / "p.zip", f="", package__module=""), tmp_path / "state")
    modes = {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert modes == {"f.py": 0o444, "package": 0o555, "package/module.py": 0o444}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o555


def test_the_same_package_is_unpacked_once(tmp_path: Path) -> None:
    package = make_zip(tmp_path / "p.zip", f="")
    first = unpacked(package, tmp_path / "state")
    number = first.stat().st_ino
    assert unpacked(package, tmp_path / "state") == first
    assert first.stat().st_ino == number
    assert [path.name for path in first.parent.iterdir()] == [first.name]


@pytest.mark.parametrize("name", ["../out.py", "/out.py", "a/../../out.py", "a\\out.py"])
def test_a_path_out_of_the_package_is_refused(tmp_path: Path, name: str) -> None:
    package = tmp_path / "p.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("f.py", "")
        archive.writestr(name, "")
    with pytest.raises(CodeError, match="leads out of the package"):
        unpacked(package, tmp_path / "state")
    assert list((tmp_path / "state/code").iterdir()) == []


def test_a_link_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(CodeError, match="'link' is a link"):
        unpacked(package, tmp_path / "state")


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    package.write_bytes(b"no zip")
    with pytest.raises(CodeError, match=r"p\.zip"):
        unpacked(package, tmp_path / "state")


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(CodeError, match="is no Python"):
        python_version(Path("/bin/false"))
