"""What the command says of a saved answer is what the functions then do: same lists, same reasons."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkeci.request.v20180808.DescribeImageCachesRequest import DescribeImageCachesRequest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.app import app
from imagecache.model.change import PushEvent
from imagecache.model.image_cache import ImageCache
from imagecache.planning.entry_memory import Notes
from tests.support.eci import REGION
from tests.support.remembered import remembered

SHARED = f"registry.{REGION}.aliyuncs.com"
VPC = f"registry-vpc.{REGION}.aliyuncs.com"
DOMAIN = "images.example.com"
TWINS = ("registry.cn-beijing.aliyuncs.com", f"{SHARED}.evil.example")
PATHS = ("shop/web", "shop/api")
TAGS = (
    *(
        "v1.0.0",
        "v1.1.0",
        "v1.2.0",
        "v1.3.0",
        "v1.4.0",
        "2.0.0",
        "1.2.0-alpine",
        "1.3.0-alpine",
        "2.1.0-rc.1",
    ),
    *("latest", "7", "12", "main-0301", "main-0302"),
)
DIGESTS = tuple(f"sha256:{digit * 64}" for digit in "ab")
VERSIONS = {"type": "semver", "range": ">=1 <2"}
WEBHOOK_TOKEN = "token-0123456789abcdef"
_numbers = itertools.count(1)

images = st.builds(
    lambda host, path, tag: f"{host}/{path}:{tag}",
    st.sampled_from([SHARED, VPC] * 3 + [DOMAIN] * 2 + ["registry.example.com", *TWINS]),
    st.sampled_from(PATHS),
    st.sampled_from(TAGS),
)
entries = st.one_of(
    images,
    images,
    images,
    st.builds(lambda image, digest: f"{image}@{digest}", images, st.sampled_from(DIGESTS)),
    st.sampled_from(["nginx", f"{SHARED}/shop/web"]),
)
memories = st.fixed_dictionaries(
    {
        "age": st.sampled_from([1, 45, 200, 800, 5_000, 90_000]),
        "digest": st.booleans(),
        "failures": st.integers(0, 3),
    }
)
holds = st.sampled_from(["", "freeze", "until=2020-01-01", "until=2099-01-01;by=ann", "until=soon"])
caches = st.fixed_dictionaries(
    {
        "image_cache_name": st.sampled_from(["web-a", "web-b", "job"]),
        "status": st.sampled_from(["Ready"] * 5 + ["UpdateFailed"] * 2 + ["Updating", "Creating", "Failed"]),
        "images": st.lists(entries, min_size=1, max_size=6, unique=True),
        "tags": st.sampled_from([{}, {}, {"team": "shop"}])
        | holds.map(lambda value: {"imc-refresh-hold": value}),
        "memory": st.none() | memories,
    }
)
policies = st.one_of(
    *[
        st.fixed_dictionaries(
            {"type": st.just("semver"), "range": st.sampled_from(["*", "*", ">=1 <2", "^1.1", ">=2.0.0-0"])},
            optional={"keep": st.integers(1, 3)},
        )
    ]
    * 4,
    st.fixed_dictionaries(
        {"type": st.sampled_from(["any", "any", "numerical"])}, optional={"keep": st.just(2)}
    ),
    st.sampled_from([{"type": "exact"}, {"type": "alphabetical", "pattern": "main-(?P<key>[0-9]+)"}]),
)
rules = st.fixed_dictionaries(
    {"policy": policies},
    optional={
        "caches": st.sampled_from([{"names": ["web-*"]}, {"tags": [{"key": "team"}]}, {"regions": [REGION]}]),
        "images": st.sampled_from(
            [
                {"repositories": ["shop/*"]},
                {"repositories": [f"{SHARED}/**"], "tags": ["v*", "1*"]},
                {"tags": ["*"]},
            ]
        ),
        "approval": st.just(True),
        "cooldownSeconds": st.sampled_from([60, 600]),
        "update": st.just({"retentionDays": 7}),
    },
)
documents = st.builds(
    lambda rules, aliases: {"rules": rules} | ({"registryAliases": {DOMAIN: SHARED}} if aliases else {}),
    st.lists(rules, max_size=3),
    st.booleans(),
)


# The full run has many examples, each with some calls over real sockets.
@pytest.mark.timeout(600)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(caches, min_size=1, max_size=4), documents, images, st.sampled_from(["", "", *DIGESTS]))
def test_plan_and_why_say_what_the_functions_do(
    world: Any, tmp_path: Path, fleet: list[dict[str, Any]], document: Any, image: str, digest: str
) -> None:
    _compare(world, tmp_path, fleet, document, f"{image}@{digest}" if digest else image)


def test_so_they_do_for_a_cache_in_each_situation(world: Any, tmp_path: Path) -> None:
    document = {
        "rules": [
            {"name": "slow", "caches": {"names": ["slow"]}, "cooldownSeconds": 600, "policy": VERSIONS},
            {"name": "asking", "caches": {"names": ["asking"]}, "approval": True, "policy": VERSIONS},
            {"name": "all", "policy": VERSIONS, "update": {"retentionDays": 7}},
        ]
    }
    updated = {"age": 200, "digest": False, "failures": 0}
    web = f"{VPC}/shop/web"
    fleet = {
        "older": {"images": ["nginx:1", f"{web}:v1.1.0", f"{web}:v1.0.0"]},
        "same": {"images": [f"{web}:v1.2.0"], "memory": updated},
        "known": {"images": [f"{web}:v1.2.0"], "memory": {**updated, "digest": True}},
        "slow": {"images": [f"{web}:v1.1.0"], "memory": updated},
        "busy": {"images": [f"{web}:v1.1.0"], "status": "Updating"},
        "failing": {
            "images": [f"{web}:v1.2.0"],
            "status": "UpdateFailed",
            "memory": {**updated, "failures": 2},
        },
        "never made": {"images": [f"{web}:v1.1.0"], "status": "Failed"},
        "held": {"images": [f"{web}:v1.1.0"], "tags": {"imc-refresh-hold": "until=2099-01-01;by=ann"}},
        "frozen": {"images": [f"{web}:v1.2.0"], "tags": {"imc-refresh-hold": "freeze"}},
        "kept": {"images": [f"{web}:v1.2.0"], "tags": {"imc-refresh-hold": ""}},
        "asking": {"images": [f"{web}:v1.1.0"]},
        "newer": {"images": [f"{web}:v1.3.0"]},
        "variant": {"images": [f"{web}:v1.1.0-alpine"]},
        "pinned": {"images": [f"{web}:v1.1.0@{DIGESTS[0]}"]},
        "beijing": {"images": [f"{TWINS[0]}/shop/web:v1.2.0"]},
        "other": {"images": ["redis:7"]},
    }
    seeds = [
        {"image_cache_name": name, "status": "Ready", "tags": {}, "memory": None} | facts
        for name, facts in fleet.items()
    ]
    done = _compare(world, tmp_path, seeds, document, f"{SHARED}/shop/web:v1.2.0@{DIGESTS[0]}")
    assert {name: " ".join(filter(None, told)) for name, told in done.items()} == {
        "older": "refreshed TAG_PROMOTED",
        "same": "refreshed TAG_REPUSHED",
        "known": "unchanged SAME_DIGEST",
        "slow": "deferred COOLING_DOWN",
        "busy": "deferred CACHE_BUSY",
        "failing": "deferred BACKING_OFF",
        "never made": "failed CREATION_FAILED",
        "held": "ignored HELD",
        "frozen": "ignored HELD",
        "kept": "refreshed TAG_REPUSHED",
        "asking": "ignored APPROVAL_NEEDED",
        "newer": "ignored POLICY_HOLDS older",
        "variant": "ignored POLICY_HOLDS other_variant",
        "pinned": "ignored PINNED_BY_DIGEST pinned_by_digest",
    }


def _compare(
    world: Any, folder: Path, fleet: list[dict[str, Any]], document: Any, image: str
) -> dict[str, tuple[str, str, str]]:
    """Ask the command about a saved answer, then deliver the push; both say the same.

    Args:
        world: the functions and their cloud.
        folder: for files.
        fleet: the caches, as ``caches`` draws them.
        document: the rules.
        image: what is pushed.

    Returns:
        Name of a cache that is concerned -> result, reason, and why the tag is held.
    """
    world.eci.reset()
    world.clock.advance(60)
    world.setenv("IMC_CLOCK_SKEW_SECONDS", "2")
    world.setenv("IMC_RULES", json.dumps(document))
    seeds = [_seed(cache, world.clock.moment()) for cache in fleet]
    world.eci.create_caches(seeds)
    saved, rules_file = folder / "caches.json", folder / "rules.json"
    saved.write_text("\n".join(_saved_pages()))
    rules_file.write_text(json.dumps(document))
    at = world.clock.moment().isoformat()
    options = ("--caches", str(saved), "--rules", str(rules_file), "--at", at, "--json")
    said = _asked("plan", image, *options)
    of_each = {
        seed["image_cache_id"]: _asked("why", seed["image_cache_id"], image, *options) for seed in seeds
    }

    body = {"image": image, "pushedAt": at, "id": f"push-{next(_numbers)}"}
    visit = world.http("on_webhook", "/webhooks/native", body, token=WEBHOOK_TOKEN)

    done = {record["image_cache_id"]: record for record in visit.records if "image_cache_id" in record}
    planned = {decision["image_cache_id"]: decision for decision in said["decisions"]}
    assert {key: _told(record) for key, record in done.items()} == {
        key: _told(decision) for key, decision in planned.items()
    }
    calls = {call["parameters"]["ImageCacheId"]: call["parameters"] for call in world.update_calls()}
    assert {key: _list(call) for key, call in calls.items()} == {
        key: decision["request"]["Image"] for key, decision in planned.items() if "request" in decision
    }
    for key, why in of_each.items():
        if key in done:
            assert _told(why["push"]) == _told(done[key])
        else:
            assert why["push"]["reason"] == "NO_MATCH"
    held = {key for key, record in done.items() if record["result"] == "ignored"}
    near = {miss["image_cache_id"] for miss in said["near"]}
    assert held <= near <= held | (set(of_each) - set(done))
    return {
        record["image_cache_name"]: (record["result"], record["reason"], record.get("held_because", ""))
        for record in done.values()
    }


def _told(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record, or a decision of the command, says that does not follow from the moment alone."""
    return {key: record.get(key) for key in ("result", "reason", "held_because", "rule", "images_after")}


def _seed(cache: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A cache for the server; what it remembers is written by the library."""
    members = {**cache, "region_id": REGION, "image_cache_id": f"imc-{next(_numbers):06d}"}
    memory = members.pop("memory")
    if memory is not None:
        known = ImageCache(
            REGION,
            members["image_cache_id"],
            members["image_cache_name"],
            members["status"],
            tuple(members["images"]),
            tuple(members["tags"].items()),
        )
        members["tags"] = dict(_remembering(known, memory, now))
    return members


def _remembering(cache: ImageCache, memory: Mapping[str, Any], now: datetime) -> tuple[tuple[str, str], ...]:
    began = now - timedelta(seconds=memory["age"])
    earlier = PushEvent("native", f"earlier-{next(_numbers)}", SHARED, "shop/web", "v1.0.0", pushed_at=began)
    notes = Notes(dict.fromkeys(cache.images, DIGESTS[0]) if memory["digest"] else {})
    tags = cache.tags
    for _ in range(1 + memory["failures"]):
        described = ImageCache(
            cache.region_id, cache.image_cache_id, cache.name, cache.status, cache.images, tags
        )
        tags = remembered(described, [earlier], began, notes)
    return tags


def _saved_pages() -> Iterator[str]:
    """What DescribeImageCaches answers, two caches a page, as a person saves it."""
    key = [
        os.environ[f"ALIBABA_CLOUD_{name}"]
        for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
    ]
    client = AcsClient(region_id=REGION, credential=StsTokenCredential(*key), auto_retry=False)
    client.session.trust_env = False
    token = None
    while token != "":
        request = DescribeImageCachesRequest()
        request.set_endpoint(os.environ["IMC_ECI_ENDPOINT"].removeprefix("http://"))
        request.add_query_param("Limit", "2")
        if token:
            request.add_query_param("NextToken", token)
        page = json.loads(client.do_action_with_exception(request))
        token = page["NextToken"]
        yield json.dumps(page)
    client.session.close()


def _asked(*arguments: str) -> Any:
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def _list(parameters: Mapping[str, str]) -> list[str]:
    names = itertools.takewhile(parameters.__contains__, (f"Image.{number}" for number in itertools.count(1)))
    return [parameters[name] for name in names]
