"""The zip file and the .pyc files: same content, same bytes; and how files come to their place."""

from __future__ import annotations

import io
import sys
import zipfile
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from deploy.package.archive import check_paths, make_archive, replace_file
from deploy.package.bytecode import compile_entries, interpreter_version
from deploy.package.content import Entry
from deploy.package.errors import PackageError
from deploy.package.runtimes import RUNTIMES, Runtime

ENTRIES = [
    Entry("on_push.py", b"print('push')\n" * 100, "own"),
    Entry("alpha/_fast.abi3.so", bytes(1000), "alpha"),
    Entry("alpha/__init__.py", b"", "alpha"),
]
THIS = Runtime(
    "this",
    python=f"{sys.version_info.major}.{sys.version_info.minor}",
    glibc_minor=28,
    magic=int.from_bytes(MAGIC_NUMBER[:2], "little"),
)


def infos(archive: bytes) -> dict[str, zipfile.ZipInfo]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {info.filename: info for info in opened.infolist()}


def test_the_same_content_makes_the_same_bytes_in_whatever_order_it_comes() -> None:
    assert make_archive(ENTRIES) == make_archive(ENTRIES[::-1])


def test_entries_are_sorted_and_have_fixed_times_and_permissions() -> None:
    found = infos(make_archive(ENTRIES))
    assert list(found) == ["alpha/__init__.py", "alpha/_fast.abi3.so", "on_push.py"]
    assert {info.date_time for info in found.values()} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.create_system for info in found.values()} == {3}
    assert {name: info.external_attr >> 16 for name, info in found.items()} == {
        "alpha/__init__.py": 0o100644,
        "alpha/_fast.abi3.so": 0o100755,
        "on_push.py": 0o100644,
    }


def test_a_file_that_tells_where_it_was_made_is_refused(tmp_path: Path) -> None:
    telling = Entry("alpha/where.py", f"HERE = '{tmp_path}/alpha'".encode(), "alpha")
    check_paths(ENTRIES, tmp_path)
    with pytest.raises(PackageError, match=r"^alpha/where\.py: the path"):
        check_paths([*ENTRIES, telling], tmp_path)


def test_a_file_is_replaced_as_a_whole_and_readable_for_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "package.zip"
    replace_file(path, b"first")
    replace_file(path, b"second")
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [found.name for found in path.parent.iterdir()] == ["package.zip"]


def test_a_file_that_cannot_be_replaced_leaves_no_part_behind(tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_file(path, b"content")
    assert [found.name for found in tmp_path.iterdir()] == ["package.zip"]


def test_each_module_is_compiled_unchecked_with_its_path_in_the_cloud(tmp_path: Path) -> None:
    compiled = compile_entries(ENTRIES, Path(sys.executable), THIS, tmp_path)
    tag = THIS.cache_tag
    assert {entry.name: entry.owner for entry in compiled} == {
        f"__pycache__/on_push.{tag}.pyc": "own",
        f"alpha/__pycache__/__init__.{tag}.pyc": "alpha",
    }
    for entry in compiled:
        assert entry.content[4:8] == bytes([0b01, 0, 0, 0])
    assert b"/code/alpha/__init__.py" in compiled[1].content
    assert all(str(tmp_path).encode() not in entry.content for entry in compiled)
    assert list(tmp_path.iterdir()) == []


def test_modules_named_like_those_of_the_compiler_do_not_get_in_its_way(tmp_path: Path) -> None:
    shadow = Entry("struct.py", b"raise SystemExit('the wrong struct')\n", "own")
    assert len(compile_entries([shadow], Path(sys.executable), THIS, tmp_path)) == 1


def test_the_same_modules_are_compiled_to_the_same_bytes_in_another_folder(tmp_path: Path) -> None:
    texts = [b"X = {'a', 'b', 'c'}\nY = ('a', 'b')\ndef f(a, b): return a in {'x', 'y', 'z'}\n", b"'doc'\n"]
    modules = [Entry(f"m{number}.py", text, "own") for number, text in enumerate(texts * 10)]
    folders = [tmp_path / "a", tmp_path / "a-folder-with-a-longer-name"]
    for folder in folders:
        folder.mkdir()
    first, second = (compile_entries(modules, Path(sys.executable), THIS, folder) for folder in folders)
    assert first == second


def test_a_module_that_does_not_compile_is_named(tmp_path: Path) -> None:
    broken = Entry("alpha/broken.py", b"print 'old'\n", "alpha")
    with pytest.raises(PackageError, match=r"(?s)do not compile.*broken\.py"):
        compile_entries([broken], Path(sys.executable), THIS, tmp_path)


def test_the_interpreter_of_the_runtime_tells_its_version() -> None:
    assert interpreter_version(Path(sys.executable), THIS) == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (sys.executable, "CPython 3.12 (magic number 1) is expected"),
        ("/bin/false", "an interpreter is expected, it ends with 1"),
        ("/nowhere/python", "cannot be run: No such file or directory"),
    ],
    ids=["other-version", "no-interpreter", "missing"],
)
def test_another_program_than_the_runtimes_interpreter_is_refused(program: str, message: str) -> None:
    runtime = Runtime("python3.12", python="3.12", glibc_minor=31, magic=1)
    with pytest.raises(PackageError) as caught:
        interpreter_version(Path(program), runtime)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("runtime", "newest"), [("python3.12", "manylinux_2_31_x86_64"), ("python3.10", "manylinux_2_28_x86_64")]
)
def test_wheels_may_ask_for_the_glibc_of_the_runtime_and_no_newer(runtime: str, newest: str) -> None:
    platforms = RUNTIMES[runtime].platforms
    assert platforms[0] == newest
    assert {"manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"} <= set(platforms)
