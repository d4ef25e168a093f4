"""Names that are almost another: what a payload does not plainly say must not be read out of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from imagecache.base.errors import InputError
from imagecache.base.reasons import Reason
from imagecache.model.change import Item, Notice, PushEvent
from imagecache.triggers.sources import Delivery, cloudevents, read_source
from tests.support.depth import every_value

PAYLOADS = Path(__file__).parents[1] / "payloads"
DELIVERY = Delivery(datetime(2026, 3, 2, 3, tzinfo=timezone.utc), "request-1")
KELVIN_SIGN, SHARP_S, LONG_S = "\u212a", "\u00df", "\u017f"


@pytest.fixture
def payload() -> Callable[[str], Any]:
    return lambda name: json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def only(items: list[Item]) -> Item:
    (item,) = items
    return item


@pytest.mark.parametrize(
    "url", [f"ghcr.io/prod/{KELVIN_SIGN}iosk:v1", None], ids=["in the address", "in the name"]
)
def test_a_letter_that_only_turns_into_a_plain_one_names_no_repository(payload: Any, url: str | None) -> None:
    document = payload("github/package_published")
    document["package"]["name"] = f"{KELVIN_SIGN}iosk"
    document["package"]["package_version"]["package_url"] = url
    with pytest.raises(InputError, match="is not a repository path") as refused:
        read_source("github", document, DELIVERY)
    assert refused.value.reason is Reason.INVALID_REFERENCE


@pytest.mark.parametrize("source", ["harbor", "quay"])
def test_another_host_further_on_in_an_address_is_not_the_registrys(payload: Any, source: str) -> None:
    document = payload(f"{source}/push")
    address = "registry.example.net/x://harbor.example.com/prod/web:v1"
    if source == "harbor":
        document["event_data"]["resources"][0]["resource_url"] = address
    else:
        document["docker_url"] = address
    if source == "quay":
        # Its payload's word counts for the vendor's own registry alone, which this is not.
        with pytest.raises(InputError, match="no authority") as refused:
            read_source(source, document, DELIVERY)
        assert refused.value.found == "registry.example.net"
    else:
        push = only(read_source(source, document, DELIVERY))
        assert isinstance(push, PushEvent)
        assert push.registry == "registry.example.net"


@pytest.mark.parametrize("status", [f"SUCCE{SHARP_S}", f"{LONG_S}uccess"], ids=ascii)
def test_a_build_whose_status_is_spelt_with_other_letters_has_not_succeeded(
    payload: Any, status: str
) -> None:
    document = payload("cloudevents/build_succeeded")
    document["data"]["BuildStatus"] = status
    notice = only(cloudevents.read(document, DELIVERY))
    assert isinstance(notice, Notice)
    assert notice.reason is Reason.BUILD_FAILED


@every_value
@pytest.mark.parametrize("name", [None, "acme"], ids=["no name", "a name"])
@pytest.mark.parametrize("suffix", ["-vpc", "-", ".example.com", "\n"], ids=ascii)
def test_more_than_the_id_of_a_personal_instance_names_no_registry(
    payload: Any, name: Any, suffix: str
) -> None:
    document = payload("cloudevents/personal_instance")
    document["data"]["InstanceId"] += suffix
    document["data"]["InstanceName"] = name
    with pytest.raises(InputError) as refused:
        cloudevents.read(document, DELIVERY)
    assert refused.value.reason in {Reason.UNKNOWN_REGISTRY, Reason.SCHEMA_VIOLATION}
