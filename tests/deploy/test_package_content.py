"""What goes into a package and what stays out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

import pytest

from deploy.package.content import CA_FILE, OWN, RULES, collect, dependency_entries, own_entries
from deploy.package.dependencies import Dependency
from deploy.package.errors import PackageError


def make_dependency(folder: Path, files: Mapping[str, str]) -> Dependency:
    """An installed package."""
    own = {"alpha-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: alpha\nVersion: 1.2\nLicense: MIT\n"}
    for name, text in {**own, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    record = "".join(f"{name},,\n" for name in (*own, *files, "alpha-1.2.dist-info/RECORD"))
    (folder / "alpha-1.2.dist-info/RECORD").write_text(record)
    (found,) = distributions(path=[str(folder)])
    return Dependency("alpha", "1.2", found)


def entries_of(folder: Path, files: Mapping[str, str]) -> dict[str, bytes]:
    found = list(dependency_entries(make_dependency(folder, files), folder))
    assert {entry.owner for entry in found} <= {"alpha"}
    return {entry.name: entry.content for entry in found}


def names_of(folder: Path, files: Mapping[str, str]) -> set[str]:
    return entries_of(folder, files).keys() - {"licenses/alpha-1.2/METADATA"}


@pytest.mark.parametrize(
    "name",
    [
        "alpha/__init__.py",
        "alpha/data/endpoints.json",
        "alpha/cacert.pem",
        "alpha/_fast.cpython-312-x86_64-linux-gnu.so",
        "alpha.py",
        "alpha/vendored/LICENSE",
        "alpha/testing.py",
        "alpha/tests.py",
        "cffi_like.py",
        "aliyunsdkeci/request/v20180808/UpdateImageCacheRequest.py",
        "aliyunsdkeci/request/v20180808/__init__.py",
    ],
)
def test_code_and_its_data_are_taken(tmp_path: Path, name: str) -> None:
    assert names_of(tmp_path, {name: "content"}) == {name}


@pytest.mark.parametrize(
    "name",
    [
        "alpha/tests/test_alpha.py",
        "tests/__init__.py",
        "alpha/docs/index.rst",
        "alpha/benchmarks/all.py",
        "alpha/__pycache__/alpha.cpython-311.pyc",
        "alpha/__init__.pyi",
        "alpha/py.typed",
        "alpha/fast.c",
        "alpha/fast.h",
        "alpha/fast.pyx",
        "alpha/__main__.py",
        "bin/alpha",
        "../bin/alpha",
        "../share/man/alpha.1",
        "alpha-1.2.dist-info/entry_points.txt",
        "alpha-1.2.dist-info/sboms/alpha.json",
        "cffi/api.py",
        "pycparser/c_parser.py",
        "aliyunsdkeci/request/v20180808/DeleteImageCacheRequest.py",
    ],
)
def test_what_nothing_reads_at_run_time_is_left_out(tmp_path: Path, name: str) -> None:
    assert names_of(tmp_path, {name: "content"}) == set()


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("alpha-1.2.dist-info/LICENSE", "licenses/alpha-1.2/LICENSE"),
        ("alpha-1.2.dist-info/COPYING", "licenses/alpha-1.2/COPYING"),
        ("alpha-1.2.dist-info/licenses/LICENSE.md", "licenses/alpha-1.2/LICENSE.md"),
        ("alpha-1.2.dist-info/licenses/NOTICE", "licenses/alpha-1.2/NOTICE"),
        ("alpha-1.2.dist-info/licenses/vendored/LICENSE", "licenses/alpha-1.2/vendored/LICENSE"),
    ],
)
def test_licences_go_to_their_place(tmp_path: Path, name: str, place: str) -> None:
    assert entries_of(tmp_path, {name: "content"})[place] == b"content"


def test_the_metadata_stands_for_a_licence_that_is_not_there(tmp_path: Path) -> None:
    without = entries_of(tmp_path / "a", {})
    assert b"License: MIT" in without["licenses/alpha-1.2/METADATA"]
    licensed = entries_of(tmp_path / "b", {"alpha-1.2.dist-info/LICENSE": "MIT"})
    assert set(licensed) == {"licenses/alpha-1.2/LICENSE"}


def make_tree(root: Path) -> Path:
    files = {
        "LICENSE": "terms",
        "functions/on_push.py": "push",
        "functions/imagecache/__init__.py": "",
        "functions/imagecache/triggers/sources/quay.py": "quay",
        "functions/imagecache/py.typed": "",
        "functions/__pycache__/on_push.cpython-311.pyc": "stale",
        "functions/.env": "SECRET=1",
        "functions/on_push.py.orig": "left by an editor",
        "schemas/outcome.schema.json": "{}",
        "schemas/notes.md": "notes",
        "tests/test_on_push.py": "",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_our_modules_and_schemas_lie_at_the_root_and_nothing_stray_goes_along(tmp_path: Path) -> None:
    entries = list(own_entries(make_tree(tmp_path)))
    assert {entry.owner for entry in entries} == {OWN}
    assert {entry.name for entry in entries} == {
        "on_push.py",
        "imagecache/__init__.py",
        "imagecache/triggers/sources/quay.py",
        "schemas/outcome.schema.json",
        "licenses/imc-refresh/LICENSE",
    }


def test_a_tree_without_functions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="modules are expected, none found"):
        list(own_entries(tmp_path))


def test_everything_is_collected_by_name(tmp_path: Path) -> None:
    code = tmp_path / "code"
    alpha = make_dependency(code, {"alpha/__init__.py": ""})
    names = [entry.name for entry in collect(make_tree(tmp_path / "tree"), [alpha], code)]
    assert names == sorted(names)
    assert {"on_push.py", "alpha/__init__.py"} <= set(names)


def test_rules_lie_at_the_root_under_one_name(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    assert RULES not in {entry.name for entry in collect(tree, [], tmp_path)}
    given = {RULES: b'{"rules":[]}', CA_FILE: b"authorities"}
    entries = {entry.name: entry for entry in collect(tree, [], tmp_path, given)}
    assert entries[CA_FILE].content == b"authorities"
    rules = entries[RULES]
    assert (rules.content, rules.owner) == (b'{"rules":[]}', OWN)


def test_two_files_of_one_name_are_refused_and_both_owners_named(tmp_path: Path) -> None:
    code = tmp_path / "code"
    alpha = make_dependency(code, {"on_push.py": "another"})
    with pytest.raises(PackageError, match=r"^on_push\.py: is in imc-refresh and in alpha$"):
        collect(make_tree(tmp_path / "tree"), [alpha], code)
