"""The dependencies: what of the lock is taken, what is refused, and whether what is installed is complete."""

from __future__ import annotations

import hashlib
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deploy.package.dependencies import Dependency, check_complete, install, locked, read_requirements
from deploy.package.errors import PackageError
from deploy.package.runtimes import RUNTIMES, Runtime

ROOT = Path(__file__).parents[2]
RUNTIME = RUNTIMES["python3.12"]
HASH, OTHER_HASH = "0" * 64, "f" * 64
ALPHA = f"alpha==1.2.0 \\\n    --hash=sha256:{HASH}\n    # via -r requirements.in\n"
BETA = (
    f"beta==2.0 \\\n    --hash=sha256:{HASH} \\\n    --hash=sha256:{OTHER_HASH}\n    # via\n    #   alpha\n"
)
FORKED = (
    f"alpha==1.2.0 ; python_full_version < '3.11' \\\n    --hash=sha256:{HASH}\n"
    f"alpha==1.9 ; python_full_version >= '3.11' \\\n    --hash=sha256:{OTHER_HASH}\n"
)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_entries_of_a_lock_are_read_with_their_hashes(tmp_path: Path) -> None:
    lock = written(tmp_path / "requirements.txt", f"# made by a tool\n{ALPHA}\n{BETA}")
    assert {name: line.split() for name, line in locked(lock, RUNTIME).items()} == {
        "alpha": ["alpha==1.2.0", f"--hash=sha256:{HASH}"],
        "beta": ["beta==2.0", f"--hash=sha256:{HASH}", f"--hash=sha256:{OTHER_HASH}"],
    }


def test_requirements_are_read_without_comments(tmp_path: Path) -> None:
    path = written(tmp_path / "requirements.in", "# why\nalpha >=1,<2  # because\n\nBeta\n")
    assert [str(requirement) for requirement, _ in read_requirements(path)] == ["alpha<2,>=1", "Beta"]


@pytest.mark.parametrize("line", ["-r others.txt", "--index-url https://a.example", "alpha==", "./alpha"])
def test_a_line_that_is_no_requirement_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(PackageError, match=r"requirements\.txt: a requirement is expected, "):
        locked(written(tmp_path / "requirements.txt", f"{ALPHA}{line}\n"), RUNTIME)


@pytest.mark.parametrize(
    ("runtime", "version"), [("python3.10", "1.2.0"), ("python3.12", "1.9")], ids=lambda text: text
)
def test_markers_are_judged_for_the_runtime_and_not_for_this_python(
    tmp_path: Path, runtime: str, version: str
) -> None:
    chosen = locked(written(tmp_path / "requirements.txt", FORKED), RUNTIMES[runtime])
    assert chosen["alpha"].startswith(f"alpha=={version} --hash=")


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("sys_platform == 'linux'", True),
        ("sys_platform == 'win32'", False),
        ("platform_machine == 'aarch64'", False),
        ("platform_python_implementation != 'PyPy'", True),
        ("implementation_name == 'cpython' and os_name == 'posix'", True),
        ("extra == 'socks'", False),
    ],
    ids=str,
)
def test_a_runtime_is_linux_on_x86_64_with_cpython(tmp_path: Path, marker: str, holds: bool) -> None:
    lock = written(tmp_path / "requirements.txt", ALPHA.replace("==1.2.0", f"==1.2.0 ; {marker}"))
    assert [len(locked(lock, runtime)) for runtime in RUNTIMES.values()] == [holds, holds]


def test_two_entries_for_one_runtime_are_refused(tmp_path: Path) -> None:
    lock = written(tmp_path / "requirements.txt", ALPHA + ALPHA.replace("1.2.0", "1.3"))
    with pytest.raises(PackageError, match=r"alpha has two entries for python3\.12"):
        locked(lock, RUNTIME)


@pytest.mark.parametrize("runtime", RUNTIMES.values(), ids=lambda runtime: runtime.name)
def test_the_lock_of_the_project_has_what_its_requirements_ask_for(runtime: Runtime) -> None:
    lines = locked(ROOT / "requirements.txt", runtime)
    for requirement, _ in read_requirements(ROOT / "requirements.in"):
        pinned = Requirement(lines[requirement.name].partition(" ")[0])
        (version,) = (specifier.version for specifier in pinned.specifier)
        assert requirement.specifier.contains(version)
    assert all("==" in line and "--hash=sha256:" in line for line in lines.values())


def installed(folder: Path, **packages: tuple[str, ...]) -> list[Dependency]:
    """Packages in a folder, each with its version and what it needs."""
    for name, (version, *needs) in packages.items():
        metadata = folder / f"{name}-{version}.dist-info/METADATA"
        metadata.parent.mkdir(parents=True)
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {need}" for need in needs)]
        metadata.write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
    return [Dependency(one.name, one.version, one) for one in distributions(path=[str(folder)])]


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
def test_what_has_all_it_needs_is_taken(tmp_path: Path, need: str) -> None:
    packages = installed(tmp_path, alpha=("1.2", need), beta=("2.1",))
    check_complete(packages, [Requirement("alpha >1"), Requirement("beta")], RUNTIME)


@pytest.mark.parametrize(
    ("requirements", "need", "message"),
    [
        (["alpha", "gamma"], "beta", "requirements.in needs gamma, found: nothing"),
        (["alpha >=2"], "beta", "requirements.in needs alpha>=2, found: 1.2"),
        (["alpha"], "beta <2", "alpha needs beta<2, found: 2.1"),
        (["alpha", "beta"], "gamma ; python_version < '3.13'", "found: nothing"),
        (["beta"], "beta", "nothing needs alpha"),
    ],
    ids=["missing", "out-of-range", "needed-out-of-range", "missing-on-the-runtime", "left-over"],
)
def test_what_does_not_follow_from_the_requirements_is_refused(
    tmp_path: Path, requirements: list[str], need: str, message: str
) -> None:
    packages = installed(tmp_path, alpha=("1.2", need), beta=("2.1",))
    with pytest.raises(PackageError) as caught:
        check_complete(packages, [Requirement(text) for text in requirements], RUNTIME)
    assert message in str(caught.value)


def make_wheel(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "alpha-1.2-py3-none-any.whl"
    info = "alpha-1.2.dist-info"
    own = {
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: alpha\nVersion: 1.2\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**own, **files}.items():
            archive.writestr(name, text)
        record = "".join(f"{name},,\n" for name in (*own, *files, f"{info}/RECORD"))
        archive.writestr(f"{info}/RECORD", record)
    return path


@pytest.mark.deep
def test_pip_places_what_has_the_right_hash_and_refuses_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = make_wheel(
        wheels,
        {"alpha/__init__.py": "", "alpha-1.2.data/purelib/more.py": "", "alpha-1.2.data/scripts/a": ""},
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    line = f"alpha==1.2 --hash=sha256:{digest}"
    (alpha,) = install({"alpha": line}, RUNTIME, tmp_path / "code", tmp_path / "work")
    assert (alpha.name, alpha.version) == ("alpha", "1.2")
    assert (tmp_path / "code/more.py").is_file()
    for number, (wrong, told) in enumerate(
        (
            (f"alpha==1.2 --hash=sha256:{HASH}", "THESE PACKAGES DO NOT MATCH THE HASHES"),
            (f"alpha>=1 --hash=sha256:{digest}", "must have their versions pinned with =="),
            ("alpha==1.2", "Hashes are required"),
        )
    ):
        with pytest.raises(PackageError) as caught:
            install({"alpha": wrong}, RUNTIME, tmp_path / f"code{number}", tmp_path / f"work{number}")
        assert told in str(caught.value)
