"""The operator's command as a person starts it: a whole process, from its start to its end.

``plan`` reads a file of caches; ``status`` asks an account whose every call takes a tenth of a second.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.support.http_server import QuietHandler, serve_http

__all__ = ["CACHES", "CALL_SECONDS", "REGIONS", "Row", "measure"]

CACHES, CALL_SECONDS, ROUNDS = 500, 0.1, 5
REGIONS = ("cn-hangzhou", "cn-beijing", "cn-shanghai", "cn-shenzhen", "cn-hongkong")
_ROOT = Path(__file__).parents[2]
_PAGE = 20
_SERVICES = ("web", "api", "job", "cart", "mail", "auth")
_IMAGE = "registry.cn-hangzhou.aliyuncs.com/shop/web:v1.9.0"
_RULES = {
    "rules": [
        {
            "name": "web",
            "images": {"repositories": ["shop/web"]},
            "policy": {"type": "semver", "range": ">=1 <2"},
        }
    ]
}


class Row(NamedTuple):
    """One command: its median time in seconds, and the most that it may take."""

    name: str
    seconds: float
    goal: float


def measure() -> list[Row]:
    """Each command several times, each in a new process."""
    chance = random.Random(3)  # noqa: S311 - invented caches
    caches = [_cache(number, chance) for number in range(CACHES)]
    with tempfile.TemporaryDirectory() as folder:
        saved, rules = Path(folder) / "caches.json", Path(folder) / "rules.json"
        saved.write_text(json.dumps({"ImageCaches": caches, "TotalCount": CACHES}), encoding="utf-8")
        rules.write_text(json.dumps(_RULES), encoding="utf-8")
        plan = ["plan", _IMAGE, "--caches", str(saved), "--rules", str(rules)]
        regions = [option for region in REGIONS for option in ("--region", region)]
        with serve_http(_slow_account(caches)) as host:
            return [
                Row(f"plan, {CACHES} caches of a file", _median(plan), 0.5),
                Row(
                    f"status, {CACHES} caches in {len(REGIONS)} regions, {CALL_SECONDS:g} s a call",
                    _median(["status", *regions], IMC_ECI_ENDPOINT=f"http://{host}"),
                    5.0,
                ),
            ]


def _median(arguments: Sequence[str], **variables: str) -> float:
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": f"{_ROOT / 'functions'}:{_ROOT}",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "bench",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "bench",
        **variables,
    }
    times = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        program = [sys.executable, "-m", "cli", *arguments]
        subprocess.run(program, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=60)
        times.append(time.perf_counter() - began)
    # The first one compiles.
    return median(times[1:])


def _cache(number: int, chance: random.Random) -> dict[str, Any]:
    names = [chance.choice(_SERVICES) for _ in range(chance.randint(1, 8))]
    return {
        "ImageCacheId": f"imc-{number:04d}",
        "ImageCacheName": f"cache-{number}",
        "RegionId": REGIONS[number % len(REGIONS)],
        "Status": chance.choice(["Ready"] * 9 + ["Updating"]),
        "Images": [
            f"registry-vpc.cn-hangzhou.aliyuncs.com/shop/{name}:v1.{chance.randint(0, 9)}.0" for name in names
        ],
    }


def _slow_account(caches: Sequence[dict[str, Any]]) -> type[QuietHandler]:
    class Handler(QuietHandler):
        def respond(self) -> None:
            length = int(self.headers["content-length"] or 0)
            query = parse_qs(f"{urlsplit(self.path).query}&{self.rfile.read(length).decode()}")
            region, begin = query["RegionId"][0], int(query.get("NextToken", ["0"])[0])
            own = [cache for cache in caches if cache["RegionId"] == region]
            end = begin + _PAGE
            token = str(end) if end < len(own) else ""
            page = {
                "RequestId": "r",
                "ImageCaches": own[begin:end],
                "NextToken": token,
                "TotalCount": len(own),
            }
            time.sleep(CALL_SECONDS)
            self.answer(200, json.dumps(page).encode(), ("Content-Type", "application/json"))

    return Handler
