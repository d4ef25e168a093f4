"""Pushes as senders write them: with facts missing or odd that no push needs, through the entry points."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.entry_points.test_sources import post, publish, relay
from tests.support.depth import every_value

REFRESHED = ("refreshed", "TAG_REPUSHED")
DIGEST = "sha256:" + "0f1e2d3c4b5a6978" * 4
ODD_DIGESTS = ["sha256:abc", "", "latest", 7, None, {"sha256": DIGEST}, f"{DIGEST}0"]
ODD_TIMES = ["yesterday", "", 17, None, [], "2026-02-30T25:61:61Z", "9" * 500, True, 1e300, -1]
ODD_IDS = ["", 7, None, "x" * 300, "a\nb", {}]

PLACES: dict[str, tuple[str, str, dict[str, str]]] = {
    "acr": (
        "acr/push_latest",
        "registry.cn-hangzhou.aliyuncs.com/prod/web:latest",
        {"digest": "push_data/digest", "time": "push_data/pushed_at"},
    ),
    "azure": (
        "azure/push",
        "acme.azurecr.io/prod/web:v1",
        {"digest": "target/digest", "time": "timestamp", "id": "id"},
    ),
    "distribution": (
        "distribution/push_tag_v1",
        "registry.example.com/prod/web:v1",
        {"digest": "events/0/target/digest", "time": "events/0/timestamp", "id": "events/0/id"},
    ),
    "dockerhub": ("dockerhub/push", "docker.io/prod/web:v1", {"time": "push_data/pushed_at"}),
    "github": (
        "github/package_published",
        "ghcr.io/prod/web:v1",
        {
            "digest": "package/package_version/container_metadata/tag/digest",
            "id": "package/package_version/id",
        },
    ),
    "harbor": (
        "harbor/push_cloudevents",
        "harbor.example.com/prod/web:v1",
        {"digest": "data/resources/0/digest", "time": "time", "id": "id"},
    ),
    "native": (
        "native/push",
        "registry.example.com/prod/web:v1",
        {"digest": "digest", "time": "pushedAt", "id": "id"},
    ),
}
"""For each source a push, what it pushes, and where it has what no push needs."""
ODD = {"digest": ODD_DIGESTS, "time": ODD_TIMES, "id": ODD_IDS}
CASES = [(source, fact) for source, (_, _, places) in PLACES.items() for fact in places]


def put(document: Any, place: str, value: Any, *, remove: bool = False) -> Any:
    spot = document
    *way, last = (int(step) if step.isdigit() else step for step in place.split("/"))
    for step in way:
        spot = spot[step]
    if remove:
        del spot[last]
    else:
        spot[last] = value
    return document


def send(doors: Any, source: str, document: Any) -> Any:
    return post(
        doors, source, document, **({"registry": "registry.example.com"} if source == "distribution" else {})
    )


@pytest.mark.parametrize(("source", "fact"), CASES)
def test_an_odd_optional_fact_loses_no_push(
    deployed: Any, doors: Any, payload: Any, source: str, fact: str
) -> None:
    deployed.control.settings(rebuild_seconds=0)
    sample, image, places = PLACES[source]
    cache = deployed.cache(image)
    documents = [put(payload(f"{sample}.json"), places[fact], value) for value in ODD[fact]]
    documents.append(put(payload(f"{sample}.json"), places[fact], None, remove=True))
    for document in documents:
        told = send(doors, source, document)
        assert told.status == 200
        ((result, _),) = told.results
        # A push that is long past and was built before is covered; it was not lost.
        assert result in {"refreshed", "unchanged"}, told.outcomes
        assert told.only["image"] == image
        assert fact != "digest" or "digest" not in told.only
        deployed.control.wait_for(cache, "Ready")
    assert deployed.updates()


@every_value
@pytest.mark.parametrize("missing", ["name", "namespace"])
@pytest.mark.parametrize("value", ["remove", None, "", 7])
def test_the_vendors_webhook_needs_the_full_name_alone(
    fleet: Any, doors: Any, events: Any, missing: str, value: Any
) -> None:
    document = put(events.acr(), f"repository/{missing}", value, remove=value == "remove")
    assert doors.webhook("acr", document).results == [REFRESHED]


@pytest.mark.parametrize("value", ["remove", None, "", 7, "CN", "cn-hangzhou.example.com"])
def test_the_vendors_webhook_needs_no_region_where_the_url_names_the_registry(
    deployed: Any, doors: Any, events: Any, value: Any
) -> None:
    cache = deployed.cache("images.example.com/prod/web:latest")
    document = put(events.acr(), "repository/region", value, remove=value == "remove")
    assert doors.webhook("acr", document, registry="images.example.com").results == [REFRESHED]
    assert list(deployed.updated()) == [cache]
    refused = doors.webhook("acr", document)
    assert (refused.status, refused.results) == (400, [("rejected", "UNKNOWN_REGISTRY")])


@pytest.mark.parametrize("action", ["pull", "delete", "mount"])
def test_what_is_no_push_needs_nothing_but_its_action(deployed: Any, doors: Any, action: str) -> None:
    told = send(doors, "distribution", {"events": [{"action": action}]})
    assert (told.status, told.results) == (200, [("ignored", "NOT_A_PUSH")])


def github(**package: Any) -> dict[str, Any]:
    version = package.pop("version", {})
    return {
        "action": "published",
        "package": {"name": "web", "package_type": "CONTAINER", **package, "package_version": version},
        "sender": {"login": "ci"},
    }


TAGGED = {"container_metadata": {"tag": {"name": "v1", "digest": DIGEST}}}
OWNERS: dict[str, dict[str, Any]] = {
    "of the namespace": github(namespace="prod", version=TAGGED),
    "of the package": github(owner={"login": "Prod"}, version=TAGGED),
    "of the repository": {**github(version=TAGGED), "repository": {"owner": {"login": "prod"}}},
    "of the organization": {**github(version=TAGGED), "organization": {"login": "PROD"}},
    "an odd namespace": {**github(namespace=7, version=TAGGED), "organization": {"login": "prod"}},
    "an odd owner": {**github(owner="prod", version=TAGGED), "organization": {"login": "prod"}},
    "the package's before the repository's": {
        **github(owner={"login": "prod"}, version=TAGGED),
        "repository": {"owner": {"login": "other"}},
        "organization": {"login": "third"},
    },
}
ADDRESS = "ghcr.io/prod/web"
TAGS: dict[str, dict[str, Any]] = {
    "no metadata": github(version={"package_url": f"{ADDRESS}:v1"}),
    "odd metadata": github(version={"package_url": f"{ADDRESS}:v1", "container_metadata": []}),
    "the digest as the tag": github(
        version={
            "package_url": f"{ADDRESS}:v1",
            "container_metadata": {"tag": {"name": DIGEST, "digest": DIGEST}},
        }
    ),
    "an empty tag": github(
        version={"package_url": f"{ADDRESS}:v1", "container_metadata": {"tag": {"name": ""}}}
    ),
    "an odd tag": github(
        version={"package_url": f"{ADDRESS}:v1", "container_metadata": {"tag": {"name": 7}}}
    ),
    "a digest in the address too": github(version={"package_url": f"{ADDRESS}:v1@{DIGEST}"}),
    "an address with a scheme": github(version={"package_url": f"https://{ADDRESS}:v1"}),
    "an owner in capitals": github(version={"package_url": "GHCR.io/Prod/Web:v1"}),
    "no name": github(name=None, version={"package_url": f"{ADDRESS}:v1"}),
    "no type": github(package_type=None, version={"package_url": f"{ADDRESS}:v1"}),
}


@every_value
@pytest.mark.parametrize("document", [*OWNERS.values(), *TAGS.values()], ids=[*OWNERS, *TAGS])
@pytest.mark.parametrize("way", [post, publish, relay])
def test_a_push_to_github_counts_wherever_its_owner_and_tag_are(
    deployed: Any, doors: Any, document: Any, way: Any
) -> None:
    cache = deployed.cache("ghcr.io/prod/web:v1")
    deployed.cache("ghcr.io/web/web:v1")
    assert way(doors, "github", document).results == [REFRESHED]
    assert list(deployed.updated()) == [cache]


def test_the_letters_of_a_tag_in_an_address_stay_as_they_are(deployed: Any, doors: Any) -> None:
    cache = deployed.cache("ghcr.io/prod/web:V1-RC")
    told = post(doors, "github", github(version={"package_url": "ghcr.io/Prod/web:V1-RC"}))
    assert (told.results, list(deployed.updated())) == ([REFRESHED], [cache])


OLDER = "docker.pkg.github.com/prod/shop/web"
SERVER = "docker.github.example.com"


@pytest.mark.parametrize("kind", ["docker", "DOCKER"])
@pytest.mark.parametrize(
    ("address", "registry", "image"),
    [
        (f"{OLDER}:v1", None, f"{OLDER}:v1"),
        ("docker.pkg.github.com/Prod/Shop/web:v1", None, f"{OLDER}:v1"),
        (f"{SERVER}/prod/shop/web:v1", SERVER, f"{SERVER}/prod/shop/web:v1"),
    ],
)
def test_a_push_to_githubs_older_registry_counts(
    deployed: Any, doors: Any, kind: str, address: str, registry: str | None, image: str
) -> None:
    cache = deployed.cache(image)
    document = github(namespace="prod/shop", package_type=kind, version={"package_url": address})
    assert post(doors, "github", document, registry=registry).results == [REFRESHED]
    assert list(deployed.updated()) == [cache]


@pytest.mark.parametrize("address", [None, "", "prod/shop/web:v1", 7])
def test_a_push_to_githubs_older_registry_is_no_push_to_another(
    deployed: Any, doors: Any, address: Any
) -> None:
    deployed.cache("ghcr.io/prod/web:v1")
    version = {"package_url": address, **TAGGED}
    told = post(doors, "github", github(namespace="prod", package_type="docker", version=version))
    assert (told.status, told.results) == (400, [("rejected", "INVALID_REFERENCE")])
    assert deployed.actions() == []


NOWHERE: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "no owner": (github(version=TAGGED), ("rejected", "INVALID_REFERENCE")),
    "odd owners": (
        {**github(namespace=7, owner=[], version=TAGGED), "repository": 7, "organization": {"login": None}},
        ("rejected", "INVALID_REFERENCE"),
    ),
    "no name": (github(name="", namespace="prod", version=TAGGED), ("rejected", "INVALID_REFERENCE")),
    "an odd tag": (
        github(namespace="prod", version={"container_metadata": {"tag": {"name": 7}}}),
        ("rejected", "SCHEMA_VIOLATION"),
    ),
    "no tag": (
        github(namespace="prod", version={"package_url": f"{ADDRESS}@{DIGEST}"}),
        ("ignored", "NO_TAG"),
    ),
    "the digest alone": (
        github(namespace="prod", version={"container_metadata": {"tag": {"name": DIGEST}}}),
        ("ignored", "NO_TAG"),
    ),
}


@pytest.mark.parametrize("case", NOWHERE)
def test_a_push_to_github_that_names_no_image_is_never_guessed(deployed: Any, doors: Any, case: str) -> None:
    deployed.cache("ghcr.io/web:v1")
    deployed.cache("ghcr.io/prod/web:v1")
    document, expected = NOWHERE[case]
    told = post(doors, "github", document)
    assert (told.status, told.results) == (400 if expected[0] == "rejected" else 200, [expected])
    assert deployed.actions() == []


TIMES = {
    "native": "pushedAt",
    "azure": "timestamp",
    "distribution": "events/0/timestamp",
    "harbor": "time",
}
"""Where a source that has an id of its own states the time of a push."""


def written(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="microseconds")


@pytest.mark.parametrize("source", TIMES)
def test_a_later_push_under_an_id_that_was_used_is_built_and_a_duplicate_is_not(
    deployed: Any, doors: Any, payload: Any, source: str
) -> None:
    deployed.control.settings(rebuild_seconds=0)
    sample, image, _ = PLACES[source]
    cache = deployed.cache(image)
    began = time.time()
    first = put(payload(f"{sample}.json"), TIMES[source], written(began - 600))
    assert send(doors, source, first).results == [REFRESHED]
    deployed.control.wait_for(cache, "Ready")
    second = put(payload(f"{sample}.json"), TIMES[source], written(time.time()))
    assert send(doors, source, second).results == [REFRESHED]
    deployed.control.wait_for(cache, "Ready")
    assert send(doors, source, first).results == [("unchanged", "COVERED")]
    rebuilds = [update for update in deployed.control.history(cache) if update["kind"] == "rebuild"]
    assert len(rebuilds) == 2
    assert len({update.parameters["ClientToken"] for update in deployed.updates()}) == 2
