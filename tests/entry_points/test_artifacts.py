"""Charts and other artifacts never enter a list, wherever a payload says what was pushed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.entry_points.test_lost_pushes import PLACES, put, send
from tests.entry_points.test_sources import publish
from tests.support.depth import every_value

CHART = "application/vnd.cncf.helm.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
NOT_IMAGES = [
    CHART,
    "application/vnd.oci.empty.v1+json",
    "application/vnd.dev.cosign.simplesigning.v1+json",
    "application/vnd.in-toto+json",
    "Application/VND.CNCF.Helm.Config.v1+json; charset=utf-8",
]
IMAGES = [
    *(MANIFEST, INDEX, CONFIG, "application/vnd.docker.container.image.v1+json"),
    f"{MANIFEST}; charset=utf-8",
    "Application/VND.OCI.Image.Index.V1+json",
    # What is no media type counts as missing.
    *("", None, 7, [], "chart", "a/b/c", "application/", "x" * 300),
]


def references(*types: Any) -> list[Any]:
    return [{"mediaType": one, "size": 1} for one in types]


STATED = [
    ("dockerhub", "push_data/media_type"),
    ("github", "package/package_version/container_metadata/manifest"),
    ("distribution", "events/0/target/mediaType"),
    ("distribution", "events/0/target/artifactType"),
    ("azure", "target/mediaType"),
    ("azure", "target/artifactType"),
    ("harbor", "data/resources/0/mediaType"),
    ("native", "mediaType"),
]
"""Where a payload of each source may say of what media type the push is."""


def told(doors: Any, payload: Any, source: str, place: str, value: Any) -> Any:
    sample, _, _ = PLACES[source]
    return send(doors, source, put(payload(f"{sample}.json"), place, value))


@every_value
@pytest.mark.parametrize("stated", NOT_IMAGES)
@pytest.mark.parametrize(("source", "place"), STATED)
def test_a_push_of_what_is_no_image_rebuilds_nothing(
    deployed: Any, doors: Any, payload: Any, rules: Any, source: str, place: str, stated: str
) -> None:
    rules({"policy": {"type": "any"}})
    deployed.cache(PLACES[source][1].rpartition(":")[0] + ":before")
    value = {"config": {"media_type": stated}} if source == "github" else stated
    answer = told(doors, payload, source, place, value)
    assert (answer.status, answer.results) == (200, [("ignored", "NOT_AN_IMAGE")])
    assert deployed.actions() == []


@every_value
@pytest.mark.parametrize("stated", IMAGES, ids=lambda value: str(value)[:60])
@pytest.mark.parametrize(("source", "place"), STATED)
def test_a_push_of_an_image_is_made_whatever_stands_there(
    deployed: Any, doors: Any, payload: Any, source: str, place: str, stated: Any
) -> None:
    cache = deployed.cache(PLACES[source][1])
    value = {"media_type": stated, "config": {"media_type": stated}} if source == "github" else stated
    assert told(doors, payload, source, place, value).results == [("refreshed", "TAG_REPUSHED")]
    assert list(deployed.updated()) == [cache]


REFERENCES: dict[str, tuple[Any, bool]] = {
    "an image": (references(CONFIG, LAYER), True),
    "an index": (references(MANIFEST, MANIFEST), True),
    "an index with an attestation": (references(MANIFEST, "application/vnd.in-toto+json"), True),
    "a chart": (references(CHART, "application/vnd.cncf.helm.chart.content.v1.tar+gzip"), False),
    "an artifact with an empty config": (references("application/vnd.oci.empty.v1+json", LAYER), False),
    "odd ones": ([7, None, {"mediaType": 7}, {}, []], True),
    "none": ([], True),
    "no list": ({"mediaType": CHART}, True),
}


@every_value
@pytest.mark.parametrize("source", ["distribution", "azure"])
@pytest.mark.parametrize("case", REFERENCES)
def test_what_a_manifest_refers_to_says_what_it_is(
    deployed: Any, doors: Any, payload: Any, source: str, case: str
) -> None:
    deployed.cache(PLACES[source][1])
    listed, image = REFERENCES[case]
    place = "events/0/target/references" if source == "distribution" else "target/references"
    expected = ("refreshed", "TAG_REPUSHED") if image else ("ignored", "NOT_AN_IMAGE")
    assert told(doors, payload, source, place, listed).results == [expected]


@pytest.mark.parametrize(
    ("value", "image"),
    [
        ("IMAGE", True),
        ("image", True),
        ("CHART", False),
        ("CNAB", False),
        (CHART, False),
        (7, True),
        ("", True),
    ],
)
def test_harbor_names_the_kind_of_an_artifact(
    deployed: Any, doors: Any, payload: Any, value: Any, image: bool
) -> None:
    deployed.cache(PLACES["harbor"][1])
    expected = ("refreshed", "TAG_REPUSHED") if image else ("ignored", "NOT_AN_IMAGE")
    assert told(doors, payload, "harbor", "data/resources/0/type", value).results == [expected]


def test_a_chart_inside_an_event_of_the_bus_is_none_either(deployed: Any, doors: Any, payload: Any) -> None:
    deployed.cache("docker.io/prod/web:v1")
    document = put(payload("dockerhub/push.json"), "push_data/media_type", CHART)
    assert publish(doors, "dockerhub", document).results == [("ignored", "NOT_AN_IMAGE")]
    assert deployed.actions() == []


BY_DIGEST = {
    "acr": "push_data/tag",
    "azure": "target/tag",
    "distribution": "events/0/target/tag",
    "dockerhub": "push_data/tag",
    "harbor": "data/resources/0/tag",
}
"""Where the payload of a source has the tag, if it is there at all."""


@pytest.mark.parametrize("digest", ["sha256:" + "0f1e2d3c" * 8, "sha512:" + "0f" * 60, "sha256:abc"])
@pytest.mark.parametrize("source", BY_DIGEST)
def test_a_digest_in_the_place_of_a_tag_is_a_manifest_without_one(
    deployed: Any, doors: Any, payload: Any, source: str, digest: str
) -> None:
    answer = told(doors, payload, source, BY_DIGEST[source], digest)
    assert (answer.status, answer.results) == (200, [("ignored", "NO_TAG")])
    assert deployed.actions() == []


def test_a_digest_for_the_tag_is_none_in_an_event_of_the_vendor_either(
    deployed: Any, doors: Any, events: Any
) -> None:
    answer = doors.push([events.cloud(tag="sha256:" + "0f1e2d3c" * 8)])
    assert (answer.results, answer.error) == ([("ignored", "NO_TAG")], None)


def test_of_a_push_to_quay_the_digest_is_no_tag_and_the_tag_is_one(
    deployed: Any, doors: Any, payload: Any
) -> None:
    cache = deployed.cache("quay.io/prod/web:v1")
    document = put(payload("quay/push.json"), "updated_tags", ["sha256:" + "0f1e2d3c" * 8, "v1"])
    assert send(doors, "quay", document).results == [("ignored", "NO_TAG"), ("refreshed", "TAG_REPUSHED")]
    assert list(deployed.updated()) == [cache]
