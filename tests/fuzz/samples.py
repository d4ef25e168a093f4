"""The samples that are mutated: the payloads of the tests, for the event bus also in every wrapper."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from .fleet import Image
from .reading import SOURCES

__all__ = ["BUS", "NAMED_BY_URL", "PUSHED", "TARGETS", "is_refused", "samples"]

VENDOR, WRAPPED = "cloudevents", "wrapped"
BUS = (VENDOR, WRAPPED)
"""The targets that come through the event bus; the first is the vendor's own events."""

TARGETS = (*SOURCES, *BUS)
"""What is fuzzed: the sources of webhooks, and the two kinds of events."""

NAMED_BY_URL = dict.fromkeys(("artifactory", "distribution", "nexus"), "registry.example.com")
"""What the URL of a webhook names, where the payload's word does not count."""

_PAYLOADS = Path(__file__).parents[1] / "payloads"


_REFUSED = ("/bad_", "native/digests_differ")
"""What samples are called that are refused as a whole, whatever images they name."""

_ACME = "acme-registry.cn-hangzhou.cr.aliyuncs.com"

PUSHED: Mapping[str, Sequence[Image]] = {
    "acr/push_latest": [("registry.cn-hangzhou.aliyuncs.com", "prod/web", "latest")],
    "acr/push_other_region": [("registry.cn-beijing.aliyuncs.com", "prod/web", "latest")],
    "acr/signature_tag": [],
    "artifactory/push": [("registry.example.com", "prod/web", "v1")],
    "artifactory/push_nested": [("registry.example.com", "prod/shop/web", "v1")],
    "artifactory/push_no_tag_key": [("registry.example.com", "prod/web", "v1")],
    "artifactory/push_tag_like_a_file": [("registry.example.com", "prod/web", "manifest.json")],
    "artifactory/path_of_another_tag": [],
    "artifactory/helm_chart": [],
    "azure/push": [("acme.azurecr.io", "prod/web", "v1")],
    "azure/delete": [],
    "distribution/host_with_port": [("registry.example.com", "prod/web", "v1")],
    "distribution/host_only_in_url": [("registry.example.com", "prod/web", "v1")],
    "distribution/artifact_manifest": [],
    "distribution/pull": [],
    "dockerhub/push": [("docker.io", "prod/web", "v1")],
    "dockerhub/push_official": [("docker.io", "library/web", "v1")],
    "gitea/push": [("gitea.example.com", "prod/web", "v1")],
    "gitea/push_below_a_path": [("gitea.example.com", "prod/web", "v1")],
    "gitea/push_host_with_port": [("gitea.example.com:3000", "prod/web", "v1")],
    "gitea/deleted": [],
    "github/package_published": [("ghcr.io", "prod/web", "v1")],
    "github/nested_name": [("ghcr.io", "prod/shop/web", "v1")],
    "github/push_older_registry": [("docker.pkg.github.com", "prod/shop/web", "v1")],
    "github/other_host": [],
    "github/deleted": [],
    "harbor/push": [("harbor.example.com", "prod/web", "v1")],
    "harbor/push_cloudevents": [("harbor.example.com", "prod/web", "v1")],
    "harbor/pull": [],
    "native/push": [("registry.example.com", "prod/web", "v1")],
    "native/push_docker_hub": [("docker.io", "library/web", "latest")],
    "native/digest_only": [],
    "nexus/push": [("registry.example.com", "prod/web", "v1")],
    "nexus/push_updated": [("registry.example.com", "prod/web", "v1")],
    "nexus/purged": [],
    "quay/push_two_tags": [("quay.io", "prod/web", tag) for tag in ("v1", "latest")],
    "quay/vulnerability_found": [],
    "cloudevents/push_completed": [(_ACME, "prod/web", "latest")],
    "cloudevents/build_failed": [],
    "wrapped/by_source": [("registry.example.com", "prod/web", "v1")],
    "wrapped/http_registry": [("quay.io", "prod/web", "v1")],
    "wrapped/unknown_source": [],
    "quay/push by path, as text": [("quay.io", "prod/web", "v1")],
    "github/package_published by query": [("ghcr.io", "prod/web", "v1")],
}
"""What some samples push, said once more by hand: a reading that reads nothing would find no fault."""


def is_refused(name: str) -> bool:
    """Whether a sample has to be refused."""
    return any(part in f"/{name}" for part in _REFUSED)


@cache
def samples(target: str) -> Mapping[str, Any]:
    """The documents of a target, by name."""
    found = {f"{target}/{path.stem}": _read(path) for path in sorted((_PAYLOADS / target).glob("*.json"))}
    if target == WRAPPED:
        for source in SOURCES:
            for name, payload in samples(source).items():
                found.update((f"{name} {way}", event) for way, event in _wrapped(source, payload))
    return found


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _wrapped(source: str, payload: Any) -> Iterator[tuple[str, Any]]:
    """In each of the ways in which an event can carry a payload."""
    event = {"id": "event-1", "specversion": "1.0", "time": "2026-03-02T02:15:40Z"}
    if source in NAMED_BY_URL:
        event["registry"] = NAMED_BY_URL[source]
    by_request = {**event, "source": "my.http", "type": "eventbridge:Events:HTTPEvent"}
    request: dict[str, Any] = {"headers": {}, "httpMethod": "POST", "path": "/webhook/putEvents"}
    yield "by source", {**event, "source": f"imc-refresh.{source}", "type": "pushed", "data": payload}
    text = json.dumps(payload)
    yield "by type, as text", {**event, "source": "ci", "type": f"imc-refresh:{source}", "data": text}
    queried = {**request, "queryString": {"source": source}, "body": payload}
    yield "by query", {**by_request, "data": queried}
    asked = {**request, "path": f"/webhooks/{source}", "queryString": {}, "body": text}
    yield "by path, as text", {**by_request, "data": asked}
