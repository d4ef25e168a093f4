"""Every documented parameter of UpdateImageCache: its name and its value as a server reads them."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from imagecache.model.change import PushEvent
from tests.support.remembered import update_request
from tests.support.rpc_calls import form_of, parameters_of

REGION = "cn-hangzhou"
NOW = datetime(2026, 3, 2, 2, 15, 30, tzinfo=timezone.utc)
PUSH = PushEvent("acr", "event-1", "docker.io", "library/nginx", "1")
_SCHEMAS = Path(__file__).parents[2] / "schemas"
UPDATE_SCHEMA = json.loads((_SCHEMAS / "update-image-cache.schema.json").read_text(encoding="utf-8"))
SIGNING = {
    *("Action", "Version", "Format", "AccessKeyId", "SecurityToken", "Timestamp"),
    *("Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "SignatureType"),
}

PARAMETERS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"ImageCacheName": "缓存 é+b&c=d~*%2F"}, {"ImageCacheName": "缓存 é+b&c=d~*%2F"}),
    ({"SecurityGroupId": "sg-1"}, {"SecurityGroupId": "sg-1"}),
    ({"VSwitchId": "vsw-1"}, {"VSwitchId": "vsw-1"}),
    ({"EipInstanceId": "eip-1"}, {"EipInstanceId": "eip-1"}),
    ({"ResourceGroupId": "rg-1"}, {"ResourceGroupId": "rg-1"}),
    ({"ClientToken": "a" * 64}, {"ClientToken": "a" * 64}),
    ({"ImageCacheSize": 20}, {"ImageCacheSize": "20"}),
    ({"ImageCacheSize": 32768}, {"ImageCacheSize": "32768"}),
    ({"ImageCacheSize": 40.0}, {"ImageCacheSize": "40"}),
    ({"RetentionDays": 1}, {"RetentionDays": "1"}),
    ({"RetentionDays": 65536}, {"RetentionDays": "65536"}),
    ({"AutoMatchImageCache": True}, {"AutoMatchImageCache": "true"}),
    ({"AutoMatchImageCache": False}, {"AutoMatchImageCache": "false"}),
    ({"Flash": True}, {"Flash": "true"}),
    ({"Flash": False}, {"Flash": "false"}),
    ({"StandardCopyCount": 2}, {"StandardCopyCount": "2"}),
    ({"FlashCopyCount": 3}, {"FlashCopyCount": "3"}),
    ({"EliminationStrategy": "LRU"}, {"EliminationStrategy": "LRU"}),
    ({"EliminationStrategy": ""}, {"EliminationStrategy": ""}),
    (
        {"Image": ["nginx:1", "a.example:5000/b/c:d"]},
        {"Image.1": "nginx:1", "Image.2": "a.example:5000/b/c:d"},
    ),
    (
        {"Tag": [{"Key": "team", "Value": "shop & co"}, {"Key": "bare", "Value": ""}]},
        {"Tag.1.Key": "team", "Tag.1.Value": "shop & co", "Tag.2.Key": "bare", "Tag.2.Value": ""},
    ),
    (
        {
            "ImageRegistryCredential": [
                {"Server": "r.example.com", "UserName": "u@x", "Password": "p"},
                {"Server": "s.example.com:5000", "UserName": "v", "Password": "q"},
            ]
        },
        {
            "ImageRegistryCredential.1.Server": "r.example.com",
            "ImageRegistryCredential.1.UserName": "u@x",
            "ImageRegistryCredential.2.Server": "s.example.com:5000",
            "ImageRegistryCredential.2.UserName": "v",
        },
    ),
    (
        {
            "AcrRegistryInfo": [
                {
                    "InstanceId": "cri-1",
                    "InstanceName": "acme",
                    "RegionId": "cn-beijing",
                    "Domain": ["a.example.com", "b.example.com"],
                },
                {"InstanceId": "cri-2"},
            ]
        },
        {
            "AcrRegistryInfo.1.InstanceId": "cri-1",
            "AcrRegistryInfo.1.InstanceName": "acme",
            "AcrRegistryInfo.1.RegionId": "cn-beijing",
            "AcrRegistryInfo.1.Domain.1": "a.example.com",
            "AcrRegistryInfo.1.Domain.2": "b.example.com",
            "AcrRegistryInfo.2.InstanceId": "cri-2",
        },
    ),
]
"""What a request document holds, and what of it the server's journal shows; it shows no passwords."""

SEEDED = {
    "image_cache_name": "web",
    "tags": {"team": "shop", "bare": ""},
    "image_cache_size": 40,
    "elimination_strategy": "LRU",
    "resource_group_id": "rg-1",
    "flash": True,
}


def document(cache_id: str, **others: Any) -> dict[str, Any]:
    """The least request, and more; valid by its schema."""
    request = {"RegionId": REGION, "ImageCacheId": cache_id, "Image": ["nginx:1"], **others}
    Draft202012Validator(UPDATE_SCHEMA).validate(request)
    return request


def sent(eci: Any) -> dict[str, str]:
    """The parameters of the only update, without those of the signature."""
    (call,) = eci.control.journal("UpdateImageCache")
    assert call["code"] is None
    return {name: value for name, value in call["parameters"].items() if name not in SIGNING}


def test_the_table_has_every_parameter_of_the_schema() -> None:
    named = {name for given, _ in PARAMETERS for name in given}
    assert named | {"RegionId", "ImageCacheId"} == set(UPDATE_SCHEMA["properties"])


@pytest.mark.parametrize(("given", "arrives"), PARAMETERS, ids=lambda value: next(iter(value)))
def test_a_parameter_arrives_under_its_name_with_its_value_and_nothing_else_does(
    eci: Any, gateway: Any, given: dict[str, Any], arrives: dict[str, str]
) -> None:
    cache_id = eci.cache()
    gateway.update_image_cache(document(cache_id, **given))
    least = {"RegionId": REGION, "ImageCacheId": cache_id}
    assert sent(eci) == {**least, **({} if "Image" in given else {"Image.1": "nginx:1"}), **arrives}


@pytest.mark.parametrize(("given", "arrives"), PARAMETERS, ids=lambda value: next(iter(value)))
def test_a_configured_parameter_takes_the_place_of_what_the_description_says(
    eci: Any, gateway: Any, given: dict[str, Any], arrives: dict[str, str]
) -> None:
    cache_id = eci.cache("nginx:1", **SEEDED)
    cache = gateway.describe_image_cache(REGION, cache_id)
    request = update_request(cache, cache.images, [PUSH], began=NOW, extra=given)
    Draft202012Validator(UPDATE_SCHEMA).validate(request)

    gateway.update_image_cache(request)

    assert arrives.items() <= sent(eci).items()


def test_the_longest_lists_arrive_whole_and_in_order(eci: Any, gateway: Any) -> None:
    cache_id = eci.cache()
    request = document(
        cache_id,
        Image=[f"r.example.com/app-{n}:v{n}" for n in range(1, 21)],
        Tag=[{"Key": f"key-{n}", "Value": f"value-{n}"} for n in range(1, 21)],
        ImageRegistryCredential=[
            {"Server": f"r{n}.example.com", "UserName": f"user-{n}", "Password": "p" * 100}
            for n in range(1, 11)
        ],
        AcrRegistryInfo=[
            {"InstanceId": f"cri-{n}", "Domain": [f"d{m}.r{n}.example.com" for m in range(1, 11)]}
            for n in range(1, 21)
        ],
    )

    gateway.update_image_cache(request)

    cache = eci.control.cache(cache_id)
    assert cache["images"] == request["Image"]
    assert cache["tags"] == {tag["Key"]: tag["Value"] for tag in request["Tag"]}
    assert cache["acr_registry_info"] == request["AcrRegistryInfo"]
    assert cache["image_registry_credential"] == [
        {name: value for name, value in one.items() if name != "Password"}
        for one in request["ImageRegistryCredential"]
    ]


@pytest.mark.parametrize("password", ["p", "a+b/c==", "ä ö&ü=%2B~", "None", "true", "x" * 1000])
def test_a_registry_password_arrives_as_it_is(
    new_gateway: Any, raw_server: Any, respond: Any, password: str
) -> None:
    server = raw_server(lambda _head: respond({"RequestId": "R-1"}))
    login = {"Server": "r.example.com", "UserName": "u", "Password": password}

    new_gateway(server.url).update_image_cache(document("imc-1", ImageRegistryCredential=[login]))

    (call,) = server.received
    parameters = parameters_of("", form_of(call))
    assert [value for name, value in parameters.items() if name.endswith("Password")] == [password]


def test_what_has_no_value_is_not_sent(eci: Any, gateway: Any) -> None:
    # The SDK would send the text "None", which the server refuses.
    cache_id = eci.cache()
    request = {**document(cache_id), "ImageCacheSize": None, "ClientToken": None, "Tag": []}
    gateway.update_image_cache(request)
    assert sent(eci) == {"RegionId": REGION, "ImageCacheId": cache_id, "Image.1": "nginx:1"}


@pytest.mark.parametrize("omitted_mode", ["keep", "reset"])
@pytest.mark.parametrize("tags_mode", ["merge", "replace"])
def test_what_a_cache_is_described_as_survives_its_update(
    eci: Any, gateway: Any, tags_mode: str, omitted_mode: str
) -> None:
    eci.control.settings(tags_mode=tags_mode, omitted_mode=omitted_mode)
    cache_id = eci.cache("nginx:1", "redis:7", **SEEDED)
    cache = gateway.describe_image_cache(REGION, cache_id)

    gateway.update_image_cache(update_request(cache, ("nginx:2", "redis:7"), [PUSH], began=NOW))

    after = eci.control.cache(cache_id)
    assert after["images"] == ["nginx:2", "redis:7"]
    assert SEEDED["tags"].items() <= after["tags"].items()
    assert {name: after[name] for name in SEEDED if name != "tags"} == {
        name: value for name, value in SEEDED.items() if name != "tags"
    }


@pytest.mark.parametrize("omitted_mode", ["keep", "reset"])
@pytest.mark.parametrize("tags_mode", ["merge", "replace"])
def test_what_a_cache_is_described_as_survives_a_push(
    deployed: Any, doors: Any, tags_mode: str, omitted_mode: str
) -> None:
    deployed.control.settings(tags_mode=tags_mode, omitted_mode=omitted_mode)
    cache_id = deployed.cache(**SEEDED)
    before = deployed.control.cache(cache_id)

    (record,) = doors.push().outcomes

    assert record["result"] == "refreshed"
    after = deployed.control.cache(cache_id)
    assert (after["status"], after["images"]) == ("Updating", before["images"])
    assert SEEDED["tags"].items() <= after["tags"].items()
    kept = ("image_cache_name", "image_cache_size", "elimination_strategy", "resource_group_id", "flash")
    assert {name: after[name] for name in kept} == {name: SEEDED[name] for name in kept}


@pytest.mark.parametrize("omitted_mode", ["keep", "reset"])
@pytest.mark.parametrize("tags_mode", ["merge", "replace"])
def test_a_cache_of_which_nothing_is_described_stays_so(
    eci: Any, gateway: Any, tags_mode: str, omitted_mode: str
) -> None:
    eci.control.settings(tags_mode=tags_mode, omitted_mode=omitted_mode)
    cache_id = eci.cache("nginx:1", image_cache_name="web")
    cache = gateway.describe_image_cache(REGION, cache_id)

    gateway.update_image_cache(update_request(cache, cache.images, [PUSH], began=NOW))

    after = eci.control.cache(cache_id)
    assert set(after["tags"]) <= {"imc-refresh"}
    assert (after["image_cache_size"], after["image_cache_name"]) == (20, "web")
    assert not {"flash", "elimination_strategy", "resource_group_id"} & set(after)
