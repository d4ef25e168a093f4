"""A package runs unpacked, read-only, with nothing else to import."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from local.cloud.cloud import ROOT, Cloud, CloudConfig, CodeError
from local.cloud.package_code import deletable, python_version, unpacked

RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
HANDLER = """
import json, sys
import helper

def handler(event, context):
    importable = []
    for name in ("pytest", "httpx", "local", "deliveries"):
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
    # The standard library and nothing else, beside the package: what -I and -S leave.
    library = subprocess.run(
        [interpreter, "-I", "-S", "-c", "import json, sys; print(json.dumps(sys.path))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert answer["path"] == [str(folder.resolve()), *json.loads(library.stdout)]
    # What is left behind can be deleted by its owner, and is not written to by accident.
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "f.py")} == {0o755, 0o444}


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
    with pytest.raises(CodeError, match="is not a Python interpreter"):
        python_version(Path("/bin/false"))


def rewrite_header(package: Path, offset: int, value: bytes) -> None:
    """Change what the archive's table says of its first file."""
    content = bytearray(package.read_bytes())
    place = content.index(b"PK\x01\x02") + offset
    content[place : place + len(value)] = value
    package.write_bytes(content)


def test_a_package_that_is_too_large_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    package = make_zip(tmp_path / "p.zip", f="x")
    rewrite_header(package, 24, (600 << 20).to_bytes(4, "little"))
    with pytest.raises(CodeError, match="has more than 524288000 bytes"):
        unpacked(package, tmp_path / "state")


def test_an_encrypted_package_is_refused(tmp_path: Path) -> None:
    package = make_zip(tmp_path / "p.zip", f="x")
    rewrite_header(package, 8, b"\x01\x00")
    with pytest.raises(CodeError, match=r"'f\.py' is encrypted"):
        unpacked(package, tmp_path / "state")


def test_a_damaged_package_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    package = make_zip(tmp_path / "p.zip", f="x" * 100)
    rewrite_header(package, 16, b"\0\0\0\0")
    with pytest.raises(CodeError, match="is not a readable package"):
        unpacked(package, tmp_path / "state")
    assert list((tmp_path / "state/code").iterdir()) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("f.py", "1")
        archive.writestr("f.py", "2")
    with pytest.raises(CodeError, match=r"'f\.py' is there twice"):
        unpacked(package, tmp_path / "state")


def test_a_device_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    device = zipfile.ZipInfo("device")
    device.external_attr = (stat.S_IFCHR | 0o666) << 16
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(device, "")
    with pytest.raises(CodeError, match="'device' is neither a file nor a folder"):
        unpacked(package, tmp_path / "state")


@pytest.mark.parametrize("change", ["changed", "added", "removed"])
def test_a_folder_that_is_not_as_the_package_is_unpacked_anew(tmp_path: Path, change: str) -> None:
    package = make_zip(tmp_path / "p.zip", f="1", g="2")
    folder = unpacked(package, tmp_path / "state")
    intact = tree(folder)
    deletable(folder)
    if change == "changed":
        (folder / "f.py").chmod(0o644)
        (folder / "f.py").write_text("other")
    elif change == "added":
        (folder / "h.py").touch()
    else:
        (folder / "g.py").unlink()
    assert unpacked(package, tmp_path / "state") == folder
    assert tree(folder) == intact
    assert stat.S_IMODE(folder.stat().st_mode) == 0o555


KILLED = """
import sys
from pathlib import Path
from local.cloud.package_code import unpacked
print("begin", flush=True)
unpacked(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.deep
def test_a_process_that_is_killed_while_it_unpacks_leaves_nothing_that_is_used(tmp_path: Path) -> None:
    package, state = tmp_path / "p.zip", tmp_path / "state"
    with zipfile.ZipFile(package, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"m{number}.py", "x")
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(package), str(state)], cwd=ROOT, stdout=subprocess.PIPE
    )
    pause, deadline = threading.Event(), time.monotonic() + 30
    while not list(state.glob("code/unpacking-*/m*.py")):
        assert killed.poll() is None, "it was done before it was seen"
        assert time.monotonic() < deadline, "it does not begin"
        pause.wait(0.001)
    killed.kill()
    killed.communicate(timeout=30)
    (half,) = (state / "code").iterdir()
    assert half.name.startswith("unpacking-")
    folder = unpacked(package, state)
    assert len(list(folder.iterdir())) == 20_000
    assert list(folder.parent.iterdir()) == [folder]


def test_a_folder_of_code_runs_as_it_is(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "f.py").write_text(HANDLER)
    (code / "helper.py").write_text("WORD = 'yes'")
    template = tmp_path / "template.yml"
    template.write_text(TEMPLATE % "python3.12")
    before = tree(code)
    with Cloud(CloudConfig(tmp_path / "state", template=template, code=code)) as cloud:
        answer = json.loads(cloud.invoke("f", b"{}").payload)
        assert (cloud.note() is None) is (RUNTIME == "python3.12")
    assert "pytest" in answer["importable"]
    assert "local" not in answer["importable"]
    assert tree(code) == before
    assert not (tmp_path / "state/code").exists()


@pytest.mark.deep
def test_the_five_entry_points_leave_the_code_as_it_is(tmp_path: Path) -> None:
    code = tmp_path / "code"
    shutil.copytree(ROOT / "functions", code, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "schemas", code / "schemas")
    before = tree(code)
    config = CloudConfig(tmp_path / "state", code=code, parameters={"ClockSkewSeconds": "0"})
    with Cloud(config) as cloud:
        for name in ("on_push", "on_webhook", "on_manual", "on_timer", "on_follow"):
            # It does not matter what each says to this: it is imported, and has run.
            cloud.invoke(name, b"{}")
        assert len(cloud.peak_memory()) == 5
    assert tree(code) == before
