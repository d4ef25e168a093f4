"""A stack in an account of recorded shapes, and the doctor that looks at it through the vendor's SDKs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from cli.doctor.deployment import Deployment
from cli.doctor.findings import Finding
from cli.doctor.run import SECONDS, look, run
from cli.services.account import Account
from imagecache.base.credentials import Credentials
from tests.support.account import ENDPOINTS, PARAMETERS, REGION, AccountStub, account_stub
from tests.support.http_server import QuietHandler, serve_http

KEYS = Credentials("LTAI-MARK-key", "MARK-secret", "MARK-token")
CACHE = {"ImageCacheId": "imc-1", "ImageCacheName": "web", "Status": "Ready", "Images": ["nginx:1.27"]}
PACKAGE = b"a package"


@dataclass
class Doctor:
    """An account, and a look at its stack."""

    account: AccountStub
    packages: Path
    webhook: list[int]

    def look(self) -> tuple[Account, Deployment]:
        account = Account(KEYS, REGION, ENDPOINTS)
        return account, replace(look(account, "imc-refresh"), packages=self.packages, probe_delay_seconds=1)

    def findings(self) -> list[Finding]:
        return run(*self.look(), time.monotonic() + SECONDS)


def probed(function: str, **changes: Any) -> dict[str, Any]:
    """What a function answers to a probe where nothing is wrong, with changes."""
    now = datetime.now(timezone.utc)
    seen: dict[str, Any] = {
        "clock": now.isoformat(),
        "regions": [{"region_id": REGION, "caches": 1}],
        "update": {"reason": "NOT_FOUND", "code": "InvalidParameter.NotFound", "error": "none"},
    }
    due = (now + timedelta(seconds=1)).isoformat()
    stored = {"task_id": "probe-1", "due": due, "first": "now", "second": "before", "signature": "FC"}
    if function.endswith("on-manual"):
        seen |= {"registries": [], "hand_off": stored}
    facts = {**seen, **changes}
    return {"statusCode": 200, "outcomes": [{"result": "ignored", "reason": "PROBED", "probe": facts}]}


def records(probe_id: str) -> list[dict[str, Any]]:
    """The record of the stored probe."""
    return [{"door": "on_follow", "reason": "PROBED", "event_id": probe_id, "probe": {"early_seconds": -0.1}}]


@pytest.fixture
def webhook() -> Iterator[tuple[list[int], str]]:
    """What the webhook answers, and its URL."""
    status = [401]

    class Handler(QuietHandler):
        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.answer(status[0], b"{}")

    with serve_http(Handler) as host:
        yield status, f"http://{host}"


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, webhook: tuple[list[int], str]
) -> Iterator[Doctor]:
    (tmp_path / "imc-refresh-python3.12.zip").write_bytes(PACKAGE)
    name = hashlib.sha256(PACKAGE).hexdigest()[:16]
    parameters = {**PARAMETERS, "CodeObject": f"imc-refresh/{name}/imc-refresh-python3.12.zip"}
    with account_stub(parameters) as account:
        account.world["stack"]["Outputs"][0]["OutputValue"] = webhook[1]
        account.world["caches"] = [dict(CACHE)]
        account.world["probe"] = probed
        account.world["records"] = records
        monkeypatch.setenv("HTTP_PROXY", account.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield Doctor(account, tmp_path, webhook[0])
