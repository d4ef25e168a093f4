"""What a push does not need never loses it: every other key of every sample, left out, null, odd or empty."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

import pytest

from imagecache.base.errors import InputError
from imagecache.model.change import Item, PushEvent
from imagecache.model.webhook_sources import WEBHOOK_SOURCES, Access, Source, Word
from imagecache.triggers.event_bus import read_event_bus
from imagecache.triggers.sources import Delivery, read_source
from tests.support.depth import every_value
from tests.support.payloads import read_sample, sample_names

ARRIVED = datetime(2999, 1, 1, tzinfo=timezone.utc)
DELIVERY = Delivery(ARRIVED, "request-1")
REMOVED = object()
_BUS = Source(Access.TOKEN, Word.VENDOR)
ODD: Mapping[str, Any] = {
    "left out": REMOVED,
    "null": None,
    "empty": "",
    "a number": -7,
    "a list": [None],
    "an object": {"a": 1},
    "true": True,
}

NEEDED: Mapping[str, set[str]] = {
    "acr": {"/push_data/tag", "/repository/repo_full_name", "/repository/region"},
    "artifactory": {"/domain", "/event_type", "/data/path", "/data/repo_key"},
    "azure": {"/action", "/target/repository", "/target/tag", "/request/host"},
    "cloudevents": {
        *("/source", "/type", "/data/RepoNamespaceName", "/data/RepoName", "/data/Tag"),
        *("/data/InstanceName", "/data/BuildStatus"),
    },
    "distribution": {"/events/*/action", "/events/*/target/repository", "/events/*/target/tag"},
    "dockerhub": {"/push_data/tag", "/repository/repo_name"},
    "gitea": {"/action", "/package/name", "/package/version", "/package/html_url"},
    "github": {"/action", "/package/package_version", "/registry_package/package_version"},
    "harbor": {
        "/type",
        *(
            f"/{member}/{key}"
            for member in ("event_data", "data")
            for key in ("repository/repo_full_name", "resources/*/tag", "resources/*/resource_url")
        ),
    },
    "native": {"/image"},
    "nexus": {"/action", "/component/name", "/component/version"},
    "quay": {"/repository", "/docker_url", "/updated_tags", "/updated_tags/*"},
}
"""What names the image, and that it was pushed; a star stands for any index."""

_OLDER_TAG = "/package/package_version/container_metadata/tag/name"
_ADDRESS = "package_version/package_url"
SCARCE: Mapping[str, set[str]] = {
    # Of a path without the file's name the tag is the end, which the key says.
    "artifactory/push_no_file_name": {"/data/tag"},
    "cloudevents/null_optionals": {"/aliyunregionid"},
    "cloudevents/odd_region_in_data": {"/aliyunregionid"},
    "cloudevents/personal_instance": {"/data/InstanceId"},
    "cloudevents/region_only_in_data": {"/data/RegionId"},
    "cloudevents/region_only_outside_data": {"/aliyunregionid"},
    "github/no_package_url": {"/package/name", _OLDER_TAG},
    "github/package_url_without_host": {"/package/name"},
    "github/package_url_without_tag": {_OLDER_TAG},
    "github/push_no_container_metadata": {f"/package/{_ADDRESS}"},
    "github/push_no_name": {f"/package/{_ADDRESS}"},
    "github/push_older_registry": {f"/registry_package/{_ADDRESS}"},
    "github/push_tag_is_a_number": {f"/package/{_ADDRESS}"},
    "github/upper_case_owner_without_package_url": {"/package/name", _OLDER_TAG},
    "wrapped/by_source": {"/source", "/data/image"},
    "wrapped/by_type": {"/type", "/data/image"},
    "wrapped/data_as_text": {"/source", "/data"},
    "wrapped/http_body_as_text": {"/type", "/data/body", "/data/queryString/source"},
    "wrapped/http_by_path": {"/type", "/data/path", "/data/body/image"},
    "wrapped/http_by_query": {"/type", "/data/queryString/source", "/data/body/image"},
    "wrapped/http_null_query": {"/type", "/data/path", "/data/body/image"},
    "wrapped/http_registry": {
        *("/type", "/data/queryString/source", "/data/queryString/registry"),
        *("/data/body/repository", "/data/body/updated_tags"),
    },
    "wrapped/no_id": {"/source", "/data/image"},
    "wrapped/time_is_a_number": {"/source", "/data/image"},
    "wrapped/type_goes_before_source": {"/type", "/data/image"},
}
"""What single samples need beside that: of two places for a fact they have one, and an event its wrapper."""

SENT_AS = {"recipes/gitlab": "distribution", "recipes/tencent": "harbor"}
"""Samples of the recipes that a source reads as they are; the others are first mapped by their sender."""
BUS = ("cloudevents", "wrapped")


def read(source: str, document: Any) -> list[Item]:
    if source in BUS:
        return read_event_bus(document, DELIVERY)
    # As its webhook is set up, where the payload is no authority.
    registry = "registry.example.com" if WEBHOOK_SOURCES.get(source, _BUS).word is Word.URL else None
    return read_source(source, document, DELIVERY._replace(registry=registry))


def images(items: list[Item]) -> list[str]:
    return [item.image for item in items if isinstance(item, PushEvent)]


def baseline(source: str, document: Any) -> list[str]:
    try:
        return images(read(source, document))
    except InputError:
        return []


def places(value: Any, pointer: str = "") -> Iterator[tuple[str, list[str | int]]]:
    """Every key of a document: its pointer with stars for indexes, and the way to it."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        step = f"{pointer}/{'*' if isinstance(key, int) else key}"
        if not isinstance(key, int):
            yield step, [key]
        for below, way in places(member, step):
            yield below, [key, *way]


def mutated(document: Any, way: list[str | int], value: Any) -> Any:
    changed = copy.deepcopy(document)
    spot = changed
    for step in way[:-1]:
        spot = spot[step]
    if value is REMOVED:
        del spot[way[-1]]
    else:
        spot[way[-1]] = value
    return changed


def source_of(name: str) -> str:
    return SENT_AS.get(name, name.partition("/")[0])


def is_needed(name: str, pointer: str) -> bool:
    needed = NEEDED.get(source_of(name), set()) | SCARCE.get(name, set())
    if source_of(name) in BUS:
        # In an array each event is read as it is alone.
        pointer = pointer.removeprefix("/*")
    return any(need == pointer or need.startswith(f"{pointer}/") for need in needed)


SAMPLES = [
    name
    for name in [
        *(
            f"{source}/{sample}"
            for source in (*WEBHOOK_SOURCES, *BUS)
            for sample in sorted(sample_names(source))
        ),
        *SENT_AS,
    ]
    if baseline(source_of(name), read_sample(f"{name}.json"))
]


def test_every_source_has_samples_here() -> None:
    assert {source_of(name) for name in SAMPLES} == {*WEBHOOK_SOURCES, *BUS} == {*NEEDED, "wrapped"}
    assert {*SCARCE, *SENT_AS} <= set(SAMPLES)


@every_value
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", SAMPLES)
def test_an_optional_fact_that_cannot_be_read_loses_no_push(name: str, odd: str) -> None:
    source, document = source_of(name), read_sample(f"{name}.json")
    expected = baseline(source, document)
    lost = [
        "/".join(map(str, way))
        for pointer, way in places(document)
        if not is_needed(name, pointer) and baseline(source, mutated(document, way, ODD[odd])) != expected
    ]
    assert lost == []
