"""The package as it is really built: its bytes, its content, and that an interpreter runs from it alone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.package.bytecode import interpreter_version
from deploy.package.content import LEFT_OUT_FOLDERS, LEFT_OUT_SUFFIXES, UNUSED
from deploy.package.runtimes import RUNTIMES
from tests.packages import interpreter, package

# `make package` builds one in every run of .ci/run; its parts have quick tests beside this file.
pytestmark = pytest.mark.deep
ROOT = Path(__file__).parents[2]
DOORS = ["on_follow", "on_manual", "on_push", "on_timer", "on_webhook"]
DEPENDENCIES = ["aliyunsdkcore", "aliyunsdkeci", "fc2", "jsonschema", "re2", "requests", "rpds"]
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "functions").with_suffix("").parts)
    for path in ROOT.glob("functions/imagecache/**/[!_]*.py")
)
SECONDS = 110.0
PRELUDE = """
import sys
folder = sys.argv[1]
sys.path.insert(0, folder)
def loaded():
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return sorted(file for file in files if file)
"""


@pytest.fixture(params=sorted(RUNTIMES), scope="module")
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def built(runtime: str) -> Path:
    return package(runtime)


@pytest.fixture(scope="module")
def names(built: Path) -> list[str]:
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def manifest(built: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(built.with_suffix(".json").read_text())
    return document


@pytest.fixture
def python(runtime: str) -> Path:
    """The interpreter of the runtime's version."""
    found = interpreter(runtime)
    if found is None:
        pytest.skip(f"no interpreter of {runtime} for Linux on x86_64 on this machine")
    return found


@pytest.fixture
def code(built: Path, tmp_path: Path) -> Iterator[Path]:
    """The package unpacked; a test makes it read-only when it has done with it what it wants."""
    folder = tmp_path / "code"
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder)
    yield folder
    allow_writing(folder, allowed=True)


def allow_writing(folder: Path, *, allowed: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod((0o755 if allowed else 0o555) if path.is_dir() else (0o644 if allowed else 0o444))


def run(python: Path, code: Path, program: str, *arguments: str) -> str:
    """Run a program with the standard library and the package, and nothing else; returns what it prints."""
    allow_writing(code, allowed=False)
    done = subprocess.run(
        # No site-packages, no variables, no folder of ours; warnings are errors.
        [str(python), "-I", "-S", "-W", "error", "-c", PRELUDE + program, str(code), *arguments],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_is_small_enough_and_its_manifest_tells_what_it_is(
    runtime: str, built: Path, manifest: dict[str, Any]
) -> None:
    content = built.read_bytes()
    assert len(content) <= 8_000_000
    assert manifest["runtime"] == runtime
    assert manifest["size"] == len(content)
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["packages"].keys() >= {"aliyun-fc2", "aliyun-python-sdk-eci", "jsonschema"}


def test_our_code_the_schemas_and_the_dependencies_lie_at_the_root(names: list[str]) -> None:
    functions = {path.relative_to(ROOT / "functions").as_posix() for path in ROOT.glob("functions/**/*.py")}
    schemas = {f"schemas/{path.name}" for path in ROOT.glob("schemas/*.schema.json")}
    assert functions | schemas <= set(names)
    assert {f"{name}/__init__.py" for name in DEPENDENCIES} <= set(names)


def test_nothing_is_in_it_that_is_not_needed_to_run(names: list[str]) -> None:
    paths = [Path(name) for name in names if not name.startswith("licenses/")]
    folders = {folder for path in paths for folder in path.parts[:-1]}
    assert not folders & (LEFT_OUT_FOLDERS.keys() - {"__pycache__"})
    assert not [path for path in paths if path.parts[0].endswith((".dist-info", ".data", ".egg-info"))]
    assert not {path.suffix for path in paths} & (LEFT_OUT_SUFFIXES.keys() - {".pyc"})
    assert not [name for name in names if name.startswith(tuple(UNUSED))]


def test_the_licence_of_each_dependency_goes_along(names: list[str], manifest: dict[str, Any]) -> None:
    licensed = {name.split("/")[1] for name in names if name.startswith("licenses/")}
    expected = {f"{name}-{version}" for name, version in manifest["packages"].items()}
    assert licensed == expected | {"imc-refresh"}


def test_compiled_modules_are_for_the_runtime_alone_and_unchecked(
    runtime: str, python: Path, built: Path, names: list[str], manifest: dict[str, Any]
) -> None:
    assert manifest["pyc"] == interpreter_version(python, RUNTIMES[runtime])
    sources = [Path(name) for name in names if name.endswith(".py")]
    tag = RUNTIMES[runtime].cache_tag
    expected = {(path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc").as_posix() for path in sources}
    compiled = {name for name in names if name.endswith(".pyc")}
    assert compiled == expected
    with zipfile.ZipFile(built) as archive:
        headers = {archive.read(name)[:8] for name in compiled}
    assert headers == {RUNTIMES[runtime].magic.to_bytes(2, "little") + b"\r\n" + bytes([0b01, 0, 0, 0])}


def test_the_paths_of_compiled_modules_are_those_in_the_cloud(python: Path, code: Path) -> None:
    program = """
import marshal, pathlib
for path in sorted(pathlib.Path(folder).rglob("*.pyc")):
    source = path.relative_to(folder).parents[1] / (path.name.split(".")[0] + ".py")
    filename = marshal.loads(path.read_bytes()[16:]).co_filename
    if filename != f"/code/{source.as_posix()}":
        print(path, filename)
print("done")
"""
    assert run(python, code, program) == "done\n"


@pytest.mark.parametrize("door", DOORS)
def test_an_entry_point_is_imported_from_its_compiled_modules(python: Path, code: Path, door: str) -> None:
    # Unchecked modules are taken whatever the source is: what looks at it fails.
    for path in [*code.glob("on_*.py"), *(code / "imagecache").rglob("*.py")]:
        path.write_text("this is no Python\n")
    program = """
import importlib
module = importlib.import_module(sys.argv[2])
print(module.__cached__, callable(module.handler))
"""
    (compiled,) = (code / "__pycache__").glob(f"{door}.*.pyc")
    assert run(python, code, program, door) == f"{compiled} True\n"


def test_everything_is_found_in_the_package_or_the_standard_library(python: Path, code: Path) -> None:
    program = f"""
import {", ".join(DOORS)}
import {", ".join(MODULES)}
import {", ".join(DEPENDENCIES)}
import aliyunsdkcore.client, jsonschema.exceptions
print(*loaded(), sep="\\n")
"""
    files = run(python, code, program).split()
    standard = Path(os.path.realpath(python)).parents[1]
    assert not [file for file in files if not file.startswith((f"{code}/", f"{standard}/"))]
    ours = {Path(file).relative_to(code).parts[0] for file in files if file.startswith(f"{code}/")}
    assert ours >= set(DEPENDENCIES)


def test_rules_are_read_from_the_package(tmp_path: Path) -> None:
    written = tmp_path / "some.json"
    written.write_text('{"rules": [{"name": "web"}]}')
    built = package("python3.12", written)
    with zipfile.ZipFile(built) as archive:
        assert archive.read("rules.json") == written.read_bytes()
        archive.extractall(tmp_path / "code")
    manifest = json.loads(built.with_suffix(".json").read_text())
    plain = json.loads(package("python3.12").with_suffix(".json").read_text())
    assert (manifest["rules"], plain["rules"]) == ("rules.json", None)
    assert manifest["sha256"] != plain["sha256"]
    program = """
from imagecache.base.environment import Environment
from imagecache.config.rules_file import read_rules
env = Environment({"IMC_RULES_FILE": "rules.json"})
print([rule.name for rule in read_rules(env).rules], env.problems)
"""
    python = interpreter("python3.12")
    if python is None:
        pytest.skip("no interpreter of python3.12 for Linux on x86_64 on this machine")
    try:
        assert run(python, tmp_path / "code", program) == "['web'] []\n"
    finally:
        allow_writing(tmp_path / "code", allowed=True)


def test_every_schema_is_compiled_and_a_refusal_explained(python: Path, code: Path) -> None:
    program = """
import pathlib
from imagecache.base.errors import InputError
from imagecache.base.json_schema import schema_folder, validate
assert str(schema_folder()) == folder + "/schemas"
refused = 0
for path in sorted(schema_folder().iterdir()):
    try:
        validate(17, path.name.removesuffix(".schema.json"))
    except InputError as error:
        refused += "breaks rule" in str(error)
print(refused)
"""
    assert int(run(python, code, program)) == len(list(ROOT.glob("schemas/*.schema.json")))


class Odd(BaseHTTPRequestHandler):
    """Answers with bytes of no declared encoding, so that a client has to guess."""

    def do_GET(self) -> None:
        # The ECI SDK does not get over what is no UTF-8.
        encoding, status = ("utf-8", 418) if "Action=" in self.path else ("cp1252", 200)
        content = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich".encode(encoding)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the base class's way of naming

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def odd_server() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_sdks_sign_send_and_read_odd_answers_with_what_is_left_of_them(
    python: Path, code: Path, odd_server: int
) -> None:
    program = """
import logging
logging.disable()
port = sys.argv[2]
import imagecache.clients.fc_signatures
import requests
session = requests.Session()
session.trust_env = False
answer = session.get(f"http://127.0.0.1:{port}/")
assert answer.encoding is None and "Sylter" in answer.text, answer.text
try:
    session.get(f"https://127.0.0.1:{port}/", timeout=10)
except requests.exceptions.SSLError:
    print("no TLS there")

import imagecache.clients.aliyun_sdk
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkeci.request.v20180808.DescribeImageCachesRequest import DescribeImageCachesRequest
for credential in (AccessKeyCredential("id", "secret"), StsTokenCredential("id", "secret", "token")):
    client = AcsClient(region_id="cn-hangzhou", credential=credential)
    request = DescribeImageCachesRequest()
    request.set_endpoint(f"127.0.0.1:{port}")
    try:
        client.do_action_with_exception(request)
    except ServerException as error:
        print(error.get_http_status())

import fc2
client = fc2.Client(endpoint=f"http://127.0.0.1:{port}", accessKeyID="id", accessKeySecret="secret")
print(client.invoke_function("service", "function").data.decode("cp1252")[:5])
"""
    assert run(python, code, program, str(odd_server)).splitlines() == ["no TLS there", "418", "418", "Zwölf"]


def test_a_second_build_elsewhere_and_later_has_the_same_bytes(
    runtime: str, built: Path, manifest: dict[str, Any], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "a downloaded archive"
    kept_back = shutil.ignore_patterns("__pycache__", "*.pyc")
    for folder in ("functions", "schemas", "deploy", ".ci"):
        # Not copied with their times: all files are new.
        shutil.copytree(ROOT / folder, elsewhere / folder, ignore=kept_back, copy_function=shutil.copyfile)
    (elsewhere / ".ci" / "find-python").chmod(0o755)
    for name in ("LICENSE", "requirements.in", "requirements.txt"):
        shutil.copyfile(ROOT / name, elsewhere / name)
    temporary = tmp_path / "temporary files"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "deploy", "package", "--runtime", runtime],
        cwd=elsewhere,
        env={**os.environ, "TMPDIR": str(temporary), "TZ": "Asia/Shanghai", "COLUMNS": "200"},
        umask=0o077,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert manifest["sha256"] in done.stdout
    output = elsewhere / "dist" / f"imc-refresh-{runtime}.zip"
    assert output.read_bytes() == built.read_bytes()
    assert {path.name for path in output.parent.iterdir()} == {output.name, f"{output.stem}.json"}
    assert list(temporary.iterdir()) == []
