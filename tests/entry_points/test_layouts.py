"""Registries whose repository key is in their host's name, or in the path of an image: the URL says which."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.entry_points.test_sources import REFRESHED, post
from tests.support.depth import every_value

HOST = "images.example.com"
PLACES = {
    "artifactory": {None: "prod/web", "path": "prod/web", "host": "web"},
    "nexus": {None: "prod/web", "host": "prod/web", "path": "images/prod/web"},
}
"""The repository that a push of each source is in, by layout."""
CASES = [(source, layout) for source, places in PLACES.items() for layout in places]


@every_value
@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize(("source", "layout"), CASES)
def test_the_url_says_where_the_repository_key_is(
    deployed: Any, doors: Any, payload: Any, source: str, layout: str | None, encoded: bool
) -> None:
    caches = {
        repository: deployed.cache(
            f"{HOST}:5001/{repository}:v1", image_cache_name=repository.replace("/", "-")
        )
        for repository in ("web", "prod/web", "images/prod/web")
    }
    registry = quote(f"{HOST}:5001", safe="") if encoded else f"{HOST}:5001"
    told = post(doors, source, payload(f"{source}/push.json"), registry=registry, layout=layout)
    assert told.results == [REFRESHED]
    assert list(deployed.updated()) == [caches[PLACES[source][layout]]]


@every_value
@pytest.mark.parametrize("layout", ["ports", "HOST", "host,path", "path/", "\u0440ath", "%68ost!"])
@pytest.mark.parametrize("source", PLACES)
def test_another_layout_is_refused(deployed: Any, doors: Any, payload: Any, source: str, layout: str) -> None:
    told = post(doors, source, payload(f"{source}/push.json"), layout=layout)
    assert (told.status, told.results) == (400, [("rejected", "INVALID_REFERENCE")])
    assert (told.only["error"]["where"], told.only["error"]["rule"]) == ("layout parameter", "host or path")
    assert deployed.actions() == []


@pytest.mark.parametrize("source", ["harbor", "quay", "gitea", "native"])
def test_a_source_with_one_layout_has_no_such_parameter(
    deployed: Any, doors: Any, payload: Any, source: str
) -> None:
    told = post(doors, source, payload(f"{source}/push.json"), layout="whatever")
    assert told.results == [("ignored", "NO_MATCH")]


@every_value
@pytest.mark.parametrize("way", ["published", "relayed"])
@pytest.mark.parametrize(("source", "layout"), CASES)
def test_an_event_says_it_too(
    deployed: Any, doors: Any, payload: Any, source: str, layout: str | None, way: str
) -> None:
    named = {"registry": HOST, "layout": layout}
    event = {"id": "event-1", "source": f"imc-refresh.{source}", "specversion": "1.0", "type": "pushed"}
    event |= {**named, "data": payload(f"{source}/push.json")}
    if way == "relayed":
        request = {"path": f"/webhooks/{source}", "queryString": named, "body": event["data"]}
        event = {"id": "event-1", "source": "http", "type": "eventbridge:Events:HTTPEvent", "data": request}
    assert doors.push(event).only["image"] == f"{HOST}/{PLACES[source][layout]}:v1"


@every_value
@pytest.mark.parametrize("key", [None, "", 7, ["prod"]])
@pytest.mark.parametrize(("source", "place"), [("artifactory", "data/repo_key"), ("nexus", "repositoryName")])
def test_a_repository_key_is_needed_where_the_path_has_it_and_nowhere_else(
    deployed: Any, doors: Any, payload: Any, source: str, place: str, key: Any
) -> None:
    document = payload(f"{source}/push.json")
    *way, last = place.split("/")
    (document[way[0]] if way else document)[last] = key
    told = post(doors, source, document, layout="path")
    assert (told.status, told.results) == (400, [("rejected", "SCHEMA_VIOLATION")])
    assert told.only["error"]["where"] == f"/{place}"
    assert post(doors, source, document, layout="host").status == 200
