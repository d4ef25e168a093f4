"""Cold starts from the package: a new process, from its start to the answered event, against local servers.

Each round starts every variant once, so that all meet the same noise; what counts are ratios.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from typing import Any

from deploy.package.build import build_package
from deploy.package.bytecode import find_interpreter
from deploy.package.dependencies import install, locked
from deploy.package.runtimes import RUNTIMES, Runtime
from local.cloud.cloud import ROOT, Cloud, CloudConfig
from local.permissions.credentials import CredentialStore

from .cold_process import MARK
from .warm import REGION, push_event

__all__ = ["Row", "issued_key", "measure", "unpack"]

ROUNDS = 12
UPDATE_ROUNDS = 6
CACHES = 3 * UPDATE_ROUNDS + 1
"""One page of a listing, as the yardstick reads no more than one."""

TOKEN = "bench-token-0123456789"
_HOST = f"shop-registry-vpc.{REGION}.cr.aliyuncs.com"


@dataclass(frozen=True)
class Row:
    """The figures of one event.

    Attributes:
        name: of the entry point and the event.
        seconds: median from the process's start to the answer, with .pyc.
        seconds_without_pyc: the same without.
        naive_seconds: of the yardstick; None where it has no such entry point.
        peak_mb: the most memory that any process of ours had, in MB (10^6 bytes).
        updates: whether the event leads to an update and a follow task.
    """

    name: str
    seconds: float
    seconds_without_pyc: float
    naive_seconds: float | None
    peak_mb: float
    updates: bool


@dataclass(frozen=True)
class _Event:
    name: str
    module: str
    payloads: Sequence[bytes]
    naive_payloads: Sequence[bytes] = ()
    updates: bool = False


def measure() -> list[Row] | None:
    """All figures, or None where there is no interpreter of a runtime on this machine."""
    for runtime in RUNTIMES.values():
        interpreter = find_interpreter(ROOT, runtime)
        if interpreter is not None:
            break
    else:
        return None
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imc-refresh-bench-")))
        package = work / "package.zip"
        build_package(ROOT, runtime, package, interpreter=interpreter)
        with_pyc, without_pyc, naive = (work / name for name in ("with-pyc", "without-pyc", "naive"))
        unpack(package, with_pyc, pyc=True)
        unpack(package, without_pyc, pyc=False)
        _install(runtime, naive, work / "wheels")
        shutil.copy(Path(__file__).with_name("naive_function.py"), naive / "naive_function.py")
        shutil.copy(ROOT / "schemas/acr-cloudevent.schema.json", naive / "naive-schema.json")
        # A slow start counts as what it takes, and not as reason to answer before all is done.
        parameters = {"WebhookTokens": TOKEN, "AnswerSeconds": "0"}
        cloud = stack.enter_context(Cloud(CloudConfig(work / "state", parameters=parameters)))
        with issued_key(work / "state/cloud.db") as key:
            environment = {
                **key,
                "FC_REGION": REGION,
                "FC_ACCOUNT_ID": cloud.config.account_id,
                "IMC_ECI_ENDPOINT": cloud.eci_url,
                "IMC_FC_ENDPOINT": cloud.fc_url,
                "IMC_FOLLOW_FUNCTION": "imc-refresh-on-follow",
                "IMC_FOLLOW_BASE_SECONDS": "3599",
                "IMC_FOLLOW_MAX_SECONDS": "3599",
                "IMC_WEBHOOK_TOKENS": TOKEN,
            }
            cloud.control.settings(rebuild_seconds=3600)
            start = _Starter(interpreter, environment)
            return [_row(start, event, with_pyc, without_pyc, naive) for event in _events(cloud)]


def _row(start: _Starter, event: _Event, with_pyc: Path, without_pyc: Path, naive: Path) -> Row:
    ours: list[float] = []
    without: list[float] = []
    theirs: list[float] = []
    peak = 0.0
    for number in range(len(event.payloads) // 2):
        seconds, told = start(with_pyc, event.module, event.payloads[2 * number])
        ours.append(seconds)
        peak = max(peak, told["peak_bytes"] / 1e6)
        without.append(start(without_pyc, event.module, event.payloads[2 * number + 1])[0])
        if event.naive_payloads:
            theirs.append(start(naive, "naive_function", event.naive_payloads[number])[0])
    return Row(
        event.name, median(ours), median(without), median(theirs) if theirs else None, peak, event.updates
    )


class _Starter:
    """Starts one process and waits for its answer."""

    def __init__(self, interpreter: Path, environment: Mapping[str, str]) -> None:
        # Nothing but the folder and the standard library can be imported, and no .pyc is written.
        self._command = [str(interpreter), "-I", "-S", "-B", str(Path(__file__).with_name("cold_process.py"))]
        self._environment = dict(environment)

    def __call__(self, folder: Path, module: str, event: bytes) -> tuple[float, dict[str, Any]]:
        began = time.perf_counter()
        run = subprocess.run(
            [*self._command, str(folder), module],
            input=event,
            env=self._environment,
            capture_output=True,
            check=False,
            timeout=120,
        )
        seconds = time.perf_counter() - began
        last = run.stdout.decode().rstrip("\n").rpartition("\n")[2]
        if run.returncode or not last.startswith(MARK):
            raise RuntimeError(f"{module} did not answer: {run.stderr.decode()[-2000:]}")
        told: dict[str, Any] = json.loads(last.removeprefix(MARK))
        return seconds, told


def unpack(package: Path, folder: Path, *, pyc: bool) -> None:
    """Unpack a package, with or without its bytecode."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if pyc or not name.endswith(".pyc")])


def _install(runtime: Runtime, folder: Path, work: Path) -> None:
    """Put the same dependencies into a folder whole, as ``pip install --target`` does."""
    install(locked(ROOT / "requirements.txt", runtime), runtime, folder, work)


@contextmanager
def issued_key(database: Path) -> Iterator[dict[str, str]]:
    """The variables of an access key of a local cloud, for the length of the block."""
    store = CredentialStore(database)
    credential = store.issue()
    try:
        yield {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": credential.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": credential.access_key_secret,
            "ALIBABA_CLOUD_SECURITY_TOKEN": credential.security_token or "",
        }
    finally:
        store.close()


def _events(cloud: Cloud) -> Iterator[_Event]:
    """Each round of an update has image caches of its own, as one that is updated is busy afterwards."""
    ids = [
        cloud.control.create_cache(
            region_id=REGION,
            image_cache_name=f"cache-{number}",
            images=[f"{_HOST}/team{number}/service-{image}:v1" for image in range(10)],
        )
        for number in range(CACHES)
    ]
    nothing = [_push("elsewhere", number) for number in range(2 * ROUNDS)]
    yield _Event("on_push, matches nothing", "on_push", nothing, nothing)
    yield _Event(
        "on_push, updates",
        "on_push",
        [_push(f"team{number}", number) for number in range(2 * UPDATE_ROUNDS)],
        [_push(f"team{2 * UPDATE_ROUNDS + number}", number) for number in range(UPDATE_ROUNDS)],
        updates=True,
    )
    last = ids[-1]
    webhook = {
        "push_data": {"tag": "v1"},
        "repository": {"name": "x", "namespace": "n", "region": REGION, "repo_full_name": "n/x"},
    }
    request = {
        "version": "v1",
        "rawPath": "/webhooks/acr",
        "body": json.dumps(webhook),
        "isBase64Encoded": False,
        "headers": {"Content-Type": "application/json"},
        "queryParameters": {"token": TOKEN},
        "requestContext": {"http": {"method": "POST", "path": "/webhooks/acr", "protocol": "HTTP/1.1"}},
    }
    yield _Event("on_webhook, matches nothing", "on_webhook", [json.dumps(request).encode()] * 2 * ROUNDS)
    asked = json.dumps({"imageCacheId": last, "dryRun": True}).encode()
    yield _Event("on_manual, dry run", "on_manual", [asked] * 2 * ROUNDS)
    tick = json.dumps({"triggerTime": _now(), "triggerName": "sweep", "payload": ""}).encode()
    yield _Event("on_timer, nothing to repair", "on_timer", [tick] * 2 * ROUNDS)
    message = {
        "version": 1,
        "attempt": 1,
        "began": _now(),
        "regionId": REGION,
        "imageCacheId": "imc-gone",
        "rebuilds": 0,
        "change": {
            "kind": "push",
            "source": "acs.cr",
            "eventId": "event",
            "registry": f"shop-registry.{REGION}.cr.aliyuncs.com",
            "repository": "team0/service-0",
            "tag": "v1",
        },
    }
    yield _Event("on_follow, cache gone", "on_follow", [json.dumps(message).encode()] * 2 * ROUNDS)


def _push(namespace: str, number: int) -> bytes:
    document = json.loads(push_event(namespace, "service-5", "v1"))
    return json.dumps({**document, "id": f"event-{namespace}-{number}", "time": _now()}).encode()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()
