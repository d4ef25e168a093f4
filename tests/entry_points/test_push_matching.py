"""Which caches a pushed image concerns: exactly those that list it, under whatever name of its registry."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.depth import every_value, pairs

SHARED = "registry.cn-hangzhou.aliyuncs.com"
ENTERPRISE = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
PERSONAL = "crpi-a1b2c3d4e5f6g7h8.cn-hangzhou.personal.cr.aliyuncs.com"
CUSTOM = "images.example.com"
DIGEST = "sha256:" + "0f" * 32

NAMES = {
    SHARED: (SHARED, "registry-vpc.cn-hangzhou.aliyuncs.com", "registry-internal.cn-hangzhou.aliyuncs.com"),
    ENTERPRISE: (ENTERPRISE, "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"),
    PERSONAL: (PERSONAL, "crpi-a1b2c3d4e5f6g7h8-vpc.cn-hangzhou.personal.cr.aliyuncs.com"),
    CUSTOM: (CUSTOM, "Images.Example.COM", "images.example.com:443"),
}
"""The names of each registry that a cache may list."""

SENDERS: dict[str, tuple[str, Any]] = {
    "push event of an instance": (ENTERPRISE, lambda doors, events: doors.push(events.cloud())),
    "build event of an instance": (ENTERPRISE, lambda doors, events: doors.push(events.cloud(built=True))),
    "push event of a personal instance": (
        PERSONAL,
        lambda doors, events: doors.push(
            events.cloud(instance_id="crpi-a1b2c3d4e5f6g7h8", instance_name=None)
        ),
    ),
    "acr webhook": (SHARED, lambda doors, events: doors.webhook("acr", events.acr())),
    "acr webhook for a VPC name": (
        SHARED,
        lambda doors, events: doors.webhook("acr", events.acr(), registry=NAMES[SHARED][1]),
    ),
    "acr webhook for an instance": (
        ENTERPRISE,
        lambda doors, events: doors.webhook("acr", events.acr(), registry=NAMES[ENTERPRISE][1]),
    ),
    "acr webhook for a personal instance": (
        PERSONAL,
        lambda doors, events: doors.webhook("acr", events.acr(), registry=PERSONAL),
    ),
    "acr webhook for a custom domain": (
        CUSTOM,
        lambda doors, events: doors.webhook("acr", events.acr(), registry=CUSTOM),
    ),
    "distribution webhook": (
        CUSTOM,
        lambda doors, events: doors.webhook("distribution", events.distribution(CUSTOM)),
    ),
    "distribution webhook behind a proxy": (
        CUSTOM,
        lambda doors, events: doors.webhook(
            "distribution", events.distribution("10.0.0.7:5000"), registry=CUSTOM
        ),
    ),
}
"""Ways to tell that prod/web:latest was pushed, and to which registry."""

LISTED = [
    pytest.param(sender, name, id=f"{sender} - {name}")
    for sender, (registry, _) in SENDERS.items()
    for name in NAMES[registry]
]

each_sender = pytest.mark.parametrize("sender", SENDERS)


def send(sender: str, doors: Any, events: Any) -> Any:
    return SENDERS[sender][1](doors, events)


@pytest.mark.parametrize(("sender", "name"), LISTED)
def test_a_re_pushed_tag_rebuilds_the_cache_with_its_full_list_in_order(
    deployed: Any, doors: Any, events: Any, sender: str, name: str
) -> None:
    images = ["zzz:1", f"{name}/prod/web:latest", f"{name}/prod/api:v1", "aaa@" + DIGEST, "zzz:2"]
    cache_id = deployed.cache(*images, tags={"team": "shop"})

    told = send(sender, doors, events)

    assert told.results == [("refreshed", "TAG_REPUSHED")]
    assert told.only["image"] == f"{SENDERS[sender][0]}/prod/web:latest"
    assert told.only["images_before"] == told.only["images_after"] == images
    assert deployed.updated() == {cache_id: images}
    assert told.status in {None, 200}
    after = deployed.control.cache(cache_id)
    assert (after["status"], after["images"]) == ("Updating", images)
    assert after["tags"].items() >= {"team": "shop"}.items()


OTHERS = {
    "other tag": ("{host}/prod/web:v1", "POLICY_HOLDS"),
    "tag in other case": ("{host}/prod/web:Latest", "POLICY_HOLDS"),
    "tag that begins alike": ("{host}/prod/web:latest-1", "POLICY_HOLDS"),
    "digest": (f"{{host}}/prod/web@{DIGEST}", "PINNED_BY_DIGEST"),
    "tag and digest": (f"{{host}}/prod/web:latest@{DIGEST}", "PINNED_BY_DIGEST"),
    "other namespace": ("{host}/staging/web:latest", "NO_MATCH"),
    "namespace that ends alike": ("{host}/a-prod/web:latest", "NO_MATCH"),
    "path below": ("{host}/prod/web/web:latest", "NO_MATCH"),
    "path above": ("{host}/web:latest", "NO_MATCH"),
    "longer path that ends alike": ("{host}/a/prod/web:latest", "NO_MATCH"),
    "name that begins alike": ("{host}/prod/web-admin:latest", "NO_MATCH"),
    "shared registry of another region": ("registry.cn-beijing.aliyuncs.com/prod/web:latest", "NO_MATCH"),
    "instance in another region": ("acme-registry.cn-beijing.cr.aliyuncs.com/prod/web:latest", "NO_MATCH"),
    "other instance": ("acme2-registry.cn-hangzhou.cr.aliyuncs.com/prod/web:latest", "NO_MATCH"),
    "other personal instance": (
        "crpi-zzz.cn-hangzhou.personal.cr.aliyuncs.com/prod/web:latest",
        "NO_MATCH",
    ),
    "host with something behind": ("{host}.example.org/prod/web:latest", "NO_MATCH"),
    "host with something in front": ("x{host}/prod/web:latest", "NO_MATCH"),
    "host on another port": ("{host}:5000/prod/web:latest", "NO_MATCH"),
    "host as a namespace": ("example.org/{host}/prod/web:latest", "NO_MATCH"),
    "Docker Hub": ("prod/web:latest", "NO_MATCH"),
    "no reference": ("{host}/Prod/web:latest", "NO_MATCH"),
}
"""Entries that a push of prod/web:latest does not concern, and what the record says of it."""


@pytest.mark.parametrize(
    ("other", "sender"),
    pairs(list(OTHERS), ["push event of an instance", "acr webhook", "distribution webhook"]),
)
def test_a_cache_that_lists_something_else_is_left_alone(
    deployed: Any, doors: Any, events: Any, sender: str, other: str
) -> None:
    template, reason = OTHERS[other]
    deployed.cache(template.format(host=SENDERS[sender][0]), "nginx:latest")

    told = send(sender, doors, events)

    assert told.results == [("ignored", reason)]
    assert deployed.updates() == []


@each_sender
def test_among_many_caches_only_those_that_list_the_tag_are_rebuilt(
    deployed: Any, doors: Any, events: Any, sender: str
) -> None:
    registry = SENDERS[sender][0]
    for number, (template, _) in enumerate(OTHERS.values()):
        deployed.cache(template.format(host=registry), image_cache_name=f"other-{number}")
    wanted = {}
    for name in NAMES[registry]:
        images = ["nginx:1", f"{name}/prod/web:latest"]
        wanted[deployed.cache(*images, image_cache_name=name)] = images

    told = send(sender, doors, events)

    assert deployed.updated() == wanted
    refreshed = [outcome for outcome in told.outcomes if outcome["result"] == "refreshed"]
    assert [outcome["image_cache_id"] for outcome in refreshed] == list(wanted)


@pytest.mark.parametrize(
    "other",
    ["registry.cn-beijing.aliyuncs.com/prod/web:latest", "prod/web:latest", f"{SHARED}/staging/web:latest"],
    ids=["of another registry", "of Docker Hub", "of another repository"],
)
def test_the_pushed_tag_of_something_else_in_the_list_does_not_count(
    deployed: Any, doors: Any, events: Any, other: str
) -> None:
    deployed.cache(f"{SHARED}/prod/web:v1", other)
    assert doors.webhook("acr", events.acr()).results == [("ignored", "POLICY_HOLDS")]
    assert deployed.updates() == []


@pytest.mark.parametrize("omitted_mode", ["keep", "reset"])
@pytest.mark.parametrize("tags_mode", ["merge", "replace"])
def test_a_rebuild_leaves_the_caches_other_properties_as_they_are(
    deployed: Any, doors: Any, events: Any, tags_mode: str, omitted_mode: str
) -> None:
    deployed.control.settings(tags_mode=tags_mode, omitted_mode=omitted_mode, rebuild_seconds=0)
    tags = {"team": "shop", "empty": ""}
    properties = {
        "image_cache_name": "web-cache",
        "resource_group_id": "rg-1",
        "image_cache_size": 40,
        "elimination_strategy": "LRU",
        "flash": True,
    }
    cache_id = deployed.cache(f"{SHARED}/prod/web:latest", tags=tags, **properties)

    assert doors.webhook("acr", events.acr()).results == [("refreshed", "TAG_REPUSHED")]

    after = deployed.control.wait_for(cache_id, "Ready")
    assert {name: after[name] for name in properties} == properties
    assert after["tags"].items() >= tags.items()


def test_an_entry_without_a_tag_means_latest(deployed: Any, doors: Any, events: Any) -> None:
    cache_id = deployed.cache(f"{SHARED}/prod/web")
    assert doors.webhook("acr", events.acr(tag="v1")).results == [("ignored", "POLICY_HOLDS")]
    assert doors.webhook("acr", events.acr()).results == [("refreshed", "TAG_REPUSHED")]
    assert deployed.updated() == {cache_id: [f"{SHARED}/prod/web"]}


def test_a_cache_that_lists_the_image_under_two_names_is_rebuilt_once(
    deployed: Any, doors: Any, events: Any
) -> None:
    images = [f"{name}/prod/web:latest" for name in NAMES[SHARED]]
    cache_id = deployed.cache(*images)
    assert doors.webhook("acr", events.acr()).results == [("refreshed", "TAG_REPUSHED")]
    assert deployed.updated() == {cache_id: images}


def test_a_pin_beside_the_pushed_tag_stays_as_it_is(deployed: Any, doors: Any, events: Any) -> None:
    images = [f"{SHARED}/prod/web@{DIGEST}", f"{SHARED}/prod/web:v1", f"{SHARED}/prod/web:latest"]
    cache_id = deployed.cache(*images)
    assert doors.webhook("acr", events.acr()).results == [("refreshed", "TAG_REPUSHED")]
    assert deployed.updated() == {cache_id: images}


def test_caches_are_rebuilt_in_every_configured_region_and_in_no_other(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_REGIONS", "cn-beijing, cn-hangzhou")
    entry = f"{SHARED}/prod/web:latest"
    regions = {
        deployed.cache(entry, region_id=region): region
        for region in ("cn-hangzhou", "cn-beijing", "cn-shanghai")
    }

    told = doors.webhook("acr", events.acr())

    assert told.results == [("refreshed", "TAG_REPUSHED")] * 2
    updates = deployed.updates()
    assert sorted(update.parameters["RegionId"] for update in updates) == ["cn-beijing", "cn-hangzhou"]
    assert all(regions[update.image_cache_id] == update.parameters["RegionId"] for update in updates)
    assert {(outcome["image_cache_id"], outcome["region_id"]) for outcome in told.outcomes} == {
        (update.image_cache_id, update.parameters["RegionId"]) for update in updates
    }


@every_value
@pytest.mark.parametrize("pushed", ["nginx", "docker.io/library/nginx:latest", "index.docker.io/nginx"])
@pytest.mark.parametrize(
    "listed",
    [
        "nginx",
        "nginx:latest",
        "library/nginx",
        "docker.io/nginx:latest",
        "docker.io/library/nginx",
        "index.docker.io/library/nginx:latest",
        "registry-1.docker.io/library/nginx",
    ],
)
def test_docker_hub_has_many_names(deployed: Any, doors: Any, pushed: str, listed: str) -> None:
    cache_id = deployed.cache("redis:7", listed)
    told = doors.manual(image=pushed)
    assert told.results == [("refreshed", "TAG_REPUSHED")]
    assert told.only["image"] == "docker.io/library/nginx:latest"
    assert deployed.updated() == {cache_id: ["redis:7", listed]}


@pytest.mark.parametrize(
    "listed", ["example/nginx", "docker.io/nginx/nginx", "docker.io.example.org/library/nginx"]
)
def test_what_only_looks_like_docker_hub_is_left_alone(deployed: Any, doors: Any, listed: str) -> None:
    deployed.cache(listed)
    assert doors.manual(image="nginx").results == [("ignored", "NO_MATCH")]
    assert deployed.updates() == []
