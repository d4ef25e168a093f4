"""What goes into a package and what stays out, and the checks of the wheels it is taken from."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.package.content import CA_FILE, OWN, RULES, ContentError, collect, own_entries, wheel_entries
from deploy.package.runtimes import RUNTIMES
from deploy.package.wheels import Wheel, WheelError, check_dependencies

RUNTIME = RUNTIMES["python3.12"]


def make_wheel(
    folder: Path,
    files: Mapping[str, str],
    *,
    name: str = "alpha",
    version: str = "1.2",
    needs: tuple[str, ...] = (),
) -> Wheel:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in needs)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-{version}.dist-info/METADATA", metadata)
        archive.writestr(f"{name}-{version}.dist-info/RECORD", "")
        for file, text in files.items():
            archive.writestr(file, text)
    return Wheel(name, version, path, hashlib.sha256(path.read_bytes()).hexdigest(), built=False)


def names_of(wheel: Wheel) -> set[str]:
    return {entry.name for entry in wheel_entries(wheel)} - {"licenses/alpha-1.2/METADATA"}


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
    assert names_of(make_wheel(tmp_path, {name: "content"})) == {name}


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
        "alpha-1.2.data/scripts/alpha",
        "alpha-1.2.data/headers/alpha.h",
        "alpha-1.2.data/data/share/man/alpha.1",
        "alpha-1.2.dist-info/entry_points.txt",
        "alpha-1.2.dist-info/sboms/alpha.json",
        "cffi/api.py",
        "pycparser/c_parser.py",
        "aliyunsdkeci/request/v20180808/DeleteImageCacheRequest.py",
    ],
)
def test_what_nothing_reads_at_run_time_is_left_out(tmp_path: Path, name: str) -> None:
    assert names_of(make_wheel(tmp_path, {name: "content"})) == set()


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("alpha-1.2.dist-info/LICENSE", "licenses/alpha-1.2/LICENSE"),
        ("alpha-1.2.dist-info/COPYING", "licenses/alpha-1.2/COPYING"),
        ("alpha-1.2.dist-info/licenses/LICENSE.md", "licenses/alpha-1.2/LICENSE.md"),
        ("alpha-1.2.dist-info/licenses/NOTICE", "licenses/alpha-1.2/NOTICE"),
        ("alpha-1.2.dist-info/licenses/vendored/LICENSE", "licenses/alpha-1.2/vendored/LICENSE"),
        ("alpha-1.2.data/purelib/alpha/__init__.py", "alpha/__init__.py"),
        ("alpha-1.2.data/platlib/alpha/_fast.abi3.so", "alpha/_fast.abi3.so"),
    ],
)
def test_licences_and_installed_files_go_to_their_place(tmp_path: Path, name: str, place: str) -> None:
    entries = {entry.name: entry for entry in wheel_entries(make_wheel(tmp_path, {name: "content"}))}
    assert entries[place].content == b"content"
    assert entries[place].owner == "alpha"


def test_the_metadata_stands_for_a_licence_that_is_not_there(tmp_path: Path) -> None:
    without = {entry.name: entry.content for entry in wheel_entries(make_wheel(tmp_path, {}))}
    assert b"License: MIT" in without["licenses/alpha-1.2/METADATA"]
    licensed = make_wheel(tmp_path, {"alpha-1.2.dist-info/LICENSE": "MIT"})
    assert {entry.name for entry in wheel_entries(licensed)} == {"licenses/alpha-1.2/LICENSE"}


@pytest.mark.parametrize("name", ["../alpha.py", "alpha/../../alpha.py", "/alpha.py", "alpha\\alpha.py"])
def test_a_path_that_leads_out_of_the_package_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ContentError, match="leads out of the package"):
        list(wheel_entries(make_wheel(tmp_path, {name: "content"})))


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
    with pytest.raises(ContentError, match="modules are expected, none found"):
        list(own_entries(tmp_path))


def test_everything_is_collected_by_name(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {"alpha/__init__.py": ""})
    names = [entry.name for entry in collect(make_tree(tmp_path / "tree"), [wheel])]
    assert names == sorted(names)
    assert {"on_push.py", "alpha/__init__.py"} <= set(names)


def test_rules_lie_at_the_root_under_one_name(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    assert RULES not in {entry.name for entry in collect(tree, [])}
    given = {RULES: b'{"rules":[]}', CA_FILE: b"authorities"}
    entries = {entry.name: entry for entry in collect(tree, [], given)}
    assert entries[CA_FILE].content == b"authorities"
    rules = entries[RULES]
    assert (rules.content, rules.owner) == (b'{"rules":[]}', OWN)


def test_two_files_of_one_name_are_refused_and_both_owners_named(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, {"on_push.py": "another"})
    with pytest.raises(ContentError, match=r"^on_push\.py: is in imc-refresh and in alpha$"):
        collect(make_tree(tmp_path / "tree"), [wheel])


@pytest.mark.parametrize(
    "need",
    [
        "beta",
        "Beta >=2",
        "beta ; python_version >= '3.12'",
        "gamma ; sys_platform == 'win32'",
        "gamma ; extra == 'g'",
    ],
)
def test_wheels_that_have_what_they_need_are_taken(tmp_path: Path, need: str) -> None:
    beta = make_wheel(tmp_path, {}, name="beta", version="2.1")
    check_dependencies([make_wheel(tmp_path, {}, needs=(need,)), beta], RUNTIME)


@pytest.mark.parametrize(
    ("need", "message"),
    [
        ("gamma >1", "alpha needs gamma>1, found: nothing"),
        ("beta <2", "alpha needs beta<2, found: 2.1"),
        ("gamma ; python_version < '3.13'", "found: nothing"),
    ],
    ids=["missing", "out-of-range", "missing-on-the-runtime"],
)
def test_wheels_that_lack_something_are_refused(tmp_path: Path, need: str, message: str) -> None:
    beta = make_wheel(tmp_path, {}, name="beta", version="2.1")
    with pytest.raises(WheelError) as caught:
        check_dependencies([make_wheel(tmp_path, {}, needs=(need,)), beta], RUNTIME)
    assert message in str(caught.value)
