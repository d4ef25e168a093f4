"""One odd item in what ECI lists costs that item, and not the region."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.http_server import QuietHandler, serve_http
from tests.support.rpc_calls import parameters_of

REFRESHED = ("refreshed", "TAG_REPUSHED")
UNREADABLE = ("ignored", "CACHE_UNREADABLE")
WEB = "imc-bp1a2b3c4d5e6f7g8h9i"
ODD_ID = "imc-odd"

GOOD = {"ImageCacheId": ODD_ID, "ImageCacheName": "odd", "Status": "Ready", "Images": ["redis:7"]}
ODD: dict[str, Any] = {
    "an image that is null": {**GOOD, "Images": ["redis:7", None]},
    "an image that is a number": {**GOOD, "Images": [7]},
    "images as a text": {**GOOD, "Images": "redis:7"},
    "an unknown status": {**GOOD, "Status": "Hibernating"},
    "a status that is null": {**GOOD, "Status": None},
    "no status": {key: value for key, value in GOOD.items() if key != "Status"},
    "a tag without a key": {**GOOD, "Tags": [{"Value": "x"}]},
    "a tag that is null": {**GOOD, "Tags": [None]},
    "a size that is no number": {**GOOD, "ImageCacheSize": "large"},
    "a name that is a list": {**GOOD, "ImageCacheName": ["odd"]},
    "no id": {key: value for key, value in GOOD.items() if key != "ImageCacheId"},
    "an id that is a number": {**GOOD, "ImageCacheId": 7},
    "an item that is null": None,
    "an item that is a text": "imc-odd",
}
every_odd = pytest.mark.parametrize("odd", ODD)


@pytest.fixture
def listing(fleet: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What is put in front of each listing that the server answers."""
    items: list[Any] = []
    upstream = urlsplit(fleet.url).netloc

    class Proxy(QuietHandler):
        def respond(self) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            with closing(HTTPConnection(upstream, timeout=30)) as connection:
                connection.request(self.command, self.path, form, dict(self.headers))
                answer = connection.getresponse()
                body = answer.read()
            asked = parameters_of(self.path, form)
            if asked["Action"] == "DescribeImageCaches" and "ImageCacheId" not in asked:
                document = json.loads(body)
                document["ImageCaches"] = [*items, *document["ImageCaches"]]
                body = json.dumps(document).encode()
            self.answer(answer.status, body, ("Content-Type", "application/json"))

    with serve_http(Proxy) as host:
        monkeypatch.setenv("IMC_ECI_ENDPOINT", f"http://{host}")
        yield items


@every_odd
def test_a_push_reaches_the_other_caches(
    fleet: Any, doors: Any, events: Any, listing: list[Any], odd: str
) -> None:
    listing.append(ODD[odd])
    told = doors.webhook("acr", events.acr())
    assert (told.status, told.results) == (200, [REFRESHED, UNREADABLE])
    assert list(fleet.updated()) == [WEB]
    record = told.outcomes[-1]
    assert record.get("image_cache_id", ODD_ID) == ODD_ID
    assert record["region_id"] == "cn-hangzhou"
    assert "could not be read" in record["message"]


def test_it_is_recorded_once_for_each_listing(
    fleet: Any, doors: Any, events: Any, listing: list[Any]
) -> None:
    listing.append(ODD["an unknown status"])
    event = [events.cloud(), events.cloud(repository="prod/api", tag="v2")]
    told = doors.push(event)
    assert told.results.count(UNREADABLE) == 1
    # This push is long past, so the instance's listing still serves.
    assert UNREADABLE not in doors.push(events.cloud(repository="prod/none")).results


def test_a_sweep_and_a_refresh_go_on(fleet: Any, doors: Any, listing: list[Any]) -> None:
    listing += [ODD["a tag without a key"], ODD["an unknown status"]]
    told = doors.timer()
    assert told.results == [("refreshed", "SWEEP_REPAIR"), UNREADABLE]
    assert told.error is None
    told = doors.timer({"action": "refresh", "caches": {"names": ["**"]}})
    assert told.results.count(("refreshed", "REFRESH_SCHEDULED")) >= 1
    assert UNREADABLE in told.results


def test_a_name_that_is_not_found_among_the_readable_is_not_found(
    fleet: Any, doors: Any, listing: list[Any]
) -> None:
    listing.append(ODD["an unknown status"])
    told = doors.manual(imageCacheName="odd")
    assert (told.status, told.results) == (404, [("rejected", "CACHE_NOT_FOUND"), UNREADABLE])
    told = doors.manual(imageCacheName="web-cache")
    assert (told.status, told.results) == (200, [("refreshed", "REBUILD_REQUESTED"), UNREADABLE])


def test_an_entry_that_is_a_text_and_no_reference_matches_nothing_and_costs_nothing(
    fleet: Any, doors: Any, events: Any, listing: list[Any]
) -> None:
    listing.append({**GOOD, "Images": ["Not A Reference!"]})
    assert doors.webhook("acr", events.acr()).results == [REFRESHED]


def test_a_listing_that_is_no_list_is_still_a_failure(fleet: Any, doors: Any, events: Any) -> None:
    fleet.control.inject("error", action="DescribeImageCaches", code="InternalError", count=9)
    assert doors.webhook("acr", events.acr()).status == 503
