from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkeci.request.v20180808.DescribeImageCachesRequest import DescribeImageCachesRequest
from aliyunsdkeci.request.v20180808.UpdateImageCacheRequest import UpdateImageCacheRequest

from local.base.loopback import LOOPBACK
from local.eci.errors import ApiError
from local.eci.parameters import decode
from tests.support.for_each import for_each

Query = dict[str, str]


def many(name: str, count: int) -> Query:
    return {f"{name}.{number}": f"image:{number}" for number in range(1, count + 1)}


def tags(count: int) -> Query:
    return {f"Tag.{number}.Key": f"k{number}" for number in range(1, count + 1)}


def registry(number: int, **members: str) -> Query:
    whole = {"Server": f"r{number}.example.com", "UserName": "u", "Password": "hunter2", **members}
    return {f"ImageRegistryCredential.{number}.{name}": value for name, value in whole.items() if value}


def registries(count: int) -> Query:
    return {name: value for number in range(1, count + 1) for name, value in registry(number).items()}


def instances(count: int) -> Query:
    return {f"AcrRegistryInfo.{number}.InstanceId": f"cri-{number}" for number in range(1, count + 1)}


@pytest.fixture
def update(eci: Any) -> Callable[[Query], tuple[str, str] | None]:
    """Sends an UpdateImageCache with these parameters; gives code and message of a refusal."""
    cache_id = eci.cache()

    def send(query: Query) -> tuple[str, str] | None:
        try:
            eci.sdk.raw(UpdateImageCacheRequest(), {"ImageCacheId": cache_id, **query})
        except ServerException as error:
            refusal = error
        else:
            return None
        assert refusal.http_status == 400
        assert eci.control.history(cache_id) == []
        return refusal.error_code, refusal.message

    return send


ACCEPTED: dict[str, Query] = {
    "20 images": many("Image", 20),
    "size, lowest": {"ImageCacheSize": "20"},
    "size, highest": {"ImageCacheSize": "32768"},
    "retention, lowest": {"RetentionDays": "1"},
    "retention, highest": {"RetentionDays": "65536"},
    "boolean of Python": {"Flash": "True"},
    "boolean of JSON": {"AutoMatchImageCache": "false"},
    "no elimination": {"EliminationStrategy": ""},
    "token of 64": {"ClientToken": "x" * 64},
    "20 tags": tags(20),
    "tag of 128": {"Tag.1.Key": "k" * 128, "Tag.1.Value": "v" * 128},
    "empty tag": {"Tag.1.Key": "k", "Tag.1.Value": ""},
    "10 registries": registries(10),
    "server with a port": registry(1, Server="r.example.com:5000"),
    "20 ACR instances": instances(20),
    "ACR domains": {
        **instances(1),
        "AcrRegistryInfo.1.Domain.1": "a.example.com",
        "AcrRegistryInfo.1.Domain.2": "b.example.com",
    },
    "digest": {"Image.1": "r.example.com/a@sha256:" + "0" * 64},
    "owner": {"OwnerAccount": "somebody"},
}

REFUSED: dict[str, tuple[Query, str]] = {
    "21 images": (many("Image", 21), "Image"),
    "image twice": ({"Image.1": "a:1", "Image.2": "a:1"}, "Image"),
    "gap": ({"Image.1": "a:1", "Image.3": "c:1"}, "Image"),
    "not from 1": ({"Image.2": "a:1"}, "Image"),
    "from 0": ({"Image.0": "a:1"}, "Image.0"),
    "leading zero": ({"Image.01": "a:1"}, "Image.01"),
    "list without numbers": ({"Image": "a:1"}, "Image"),
    "empty image": ({"Image.1": ""}, "Image.1"),
    "image with a space": ({"Image.1": "a :1"}, "Image.1"),
    "image with a line end": ({"Image.1": "a:1\n"}, "Image.1"),
    "image with a scheme": ({"Image.1": "https://r.example.com/a:1"}, "Image.1"),
    "None as an image": ({"Image.1": "None"}, "Image.1"),
    "None as a name": ({"ImageCacheName": "None"}, "ImageCacheName"),
    "None as a number": ({"ImageCacheSize": "None"}, "ImageCacheSize"),
    "None as a boolean": ({"Flash": "None"}, "Flash"),
    "None as a choice": ({"EliminationStrategy": "None"}, "EliminationStrategy"),
    "empty name": ({"ImageCacheName": ""}, "ImageCacheName"),
    "long name": ({"ImageCacheName": "n" * 129}, "ImageCacheName"),
    "empty group": ({"ResourceGroupId": ""}, "ResourceGroupId"),
    "odd vSwitch": ({"VSwitchId": "vsw-1,"}, "VSwitchId"),
    "odd security group": ({"SecurityGroupId": "sg 1"}, "SecurityGroupId"),
    "size too small": ({"ImageCacheSize": "19"}, "ImageCacheSize"),
    "size too large": ({"ImageCacheSize": "32769"}, "ImageCacheSize"),
    "size in words": ({"ImageCacheSize": "twenty"}, "ImageCacheSize"),
    "size with a fraction": ({"ImageCacheSize": "20.0"}, "ImageCacheSize"),
    "size with a sign": ({"ImageCacheSize": "+20"}, "ImageCacheSize"),
    "size with a leading zero": ({"ImageCacheSize": "020"}, "ImageCacheSize"),
    "retention 0": ({"RetentionDays": "0"}, "RetentionDays"),
    "retention too long": ({"RetentionDays": "65537"}, "RetentionDays"),
    "boolean 1": ({"Flash": "1"}, "Flash"),
    "boolean yes": ({"AutoMatchImageCache": "yes"}, "AutoMatchImageCache"),
    "no copy": ({"StandardCopyCount": "0"}, "StandardCopyCount"),
    "negative copies": ({"FlashCopyCount": "-1"}, "FlashCopyCount"),
    "unknown elimination": ({"EliminationStrategy": "FIFO"}, "EliminationStrategy"),
    "token of 65": ({"ClientToken": "x" * 65}, "ClientToken"),
    "token not ASCII": ({"ClientToken": "caf\N{LATIN SMALL LETTER E WITH ACUTE}"}, "ClientToken"),
    "21 tags": (tags(21), "Tag"),
    "tag key twice": ({"Tag.1.Key": "k", "Tag.2.Key": "k"}, "Tag"),
    "long tag": ({"Tag.1.Key": "k", "Tag.1.Value": "v" * 129}, "Tag.1.Value"),
    "11 registries": (registries(11), "ImageRegistryCredential"),
    "server with a scheme": (registry(1, Server="https://r.example.com"), "ImageRegistryCredential.1.Server"),
    "registry twice": (
        {**registry(1, Server="r.example.com"), **registry(2, Server="r.example.com")},
        "ImageRegistryCredential",
    ),
    "21 ACR instances": (instances(21), "AcrRegistryInfo"),
    "domain twice": (
        {**instances(1), "AcrRegistryInfo.1.Domain.1": "a.b", "AcrRegistryInfo.1.Domain.2": "a.b"},
        "AcrRegistryInfo.1.Domain",
    ),
    "domain gap": ({**instances(1), "AcrRegistryInfo.1.Domain.2": "a.b"}, "AcrRegistryInfo.1.Domain"),
    "unknown name": ({"Images.1": "a:1"}, "Images.1"),
    "unknown member": ({**instances(1), "AcrRegistryInfo.1.Domains.1": "a.b"}, "AcrRegistryInfo.1.Domains.1"),
    "create-only parameter": ({"ZoneId": "cn-hangzhou-a"}, "ZoneId"),
    "parameter of the other action": ({"Limit": "1"}, "Limit"),
    "region in capitals": ({"RegionId": "CN-HANGZHOU"}, "RegionId"),
}

MISSING: dict[str, tuple[Query, str]] = {
    "tag key": ({"Tag.1.Value": "v"}, "Tag.1.Key"),
    "user name": (registry(1, UserName=""), "ImageRegistryCredential.1.UserName"),
    "password": (registry(1, Password=""), "ImageRegistryCredential.1.Password"),
    "server": (registry(1, Server=""), "ImageRegistryCredential.1.Server"),
    "instance id": ({"AcrRegistryInfo.1.InstanceName": "main"}, "AcrRegistryInfo.1.InstanceId"),
}


@pytest.mark.parametrize("query", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_valid_parameter_is_taken(update: Any, query: Query) -> None:
    assert update(query) is None


@pytest.mark.parametrize(("query", "name"), REFUSED.values(), ids=REFUSED.keys())
def test_an_invalid_parameter_is_refused_by_its_name(update: Any, query: Query, name: str) -> None:
    code, message = update(query)
    assert code == "InvalidParameter"
    assert f'"{name}"' in message


@pytest.mark.parametrize(("query", "name"), MISSING.values(), ids=MISSING.keys())
def test_a_missing_member_is_named(update: Any, query: Query, name: str) -> None:
    code, message = update(query)
    assert code == "MissingParameter"
    assert f'"{name}"' in message


def test_a_refusal_does_not_repeat_a_password(update: Any) -> None:
    _, message = update({**registry(1), "ImageRegistryCredential.1.Password": "hunter2\n"})
    assert "ImageRegistryCredential.1.Password" in message
    assert "hunter2" not in message


def test_the_image_cache_id_is_mandatory(eci: Any, refused: Any) -> None:
    assert refused(eci.sdk.update, Images=["a:1"]) == (400, "MissingParameter")


def test_the_dot_that_the_sdk_forgets_is_seen(eci: Any) -> None:
    with pytest.raises(ServerException) as raised:
        eci.sdk.update(
            ImageCacheId=eci.cache(), AcrRegistryInfos=[{"InstanceId": "cri-1", "Domains": ["a.example.com"]}]
        )
    assert raised.value.error_code == "InvalidParameter"
    assert '"AcrRegistryInfo.1Domain.1"' in raised.value.message


@pytest.mark.parametrize(
    "query",
    [
        {"Limit": "0"},
        {"Limit": "51"},
        {"Limit": "all"},
        {"NextToken": ""},
        {"NextToken": "x"},
        {"NextToken": "bm8="},
        {"Image": ""},
        {"MatchImage.1": "nginx:1"},
        {"Status": "Ready"},
        {"Tag.1.Key": "a", "Tag.2.Key": "a"},
        {"RegionId": "nowhere"},
    ],
    ids=str,
)
def test_an_invalid_query_is_refused(eci: Any, refused: Any, query: Query) -> None:
    assert refused(eci.sdk.raw, DescribeImageCachesRequest(), query) == (400, "InvalidParameter")


@for_each(
    "encoded",
    [b"a=1&a=2", b"a=%FF", b"\xff=1", b"&".join(b"a%d=1" % number for number in range(1001))],
    ids=["twice", "not UTF-8", "not ASCII", "too many"],
)
def test_what_cannot_be_decoded_is_refused(encoded: bytes) -> None:
    with pytest.raises(ApiError) as raised:
        decode(encoded)
    assert raised.value.code == "InvalidParameter"


def test_a_name_in_query_and_form_is_there_twice(eci: Any) -> None:
    answer = httpx.post(eci.url, params={"Action": "A"}, data={"Action": "A"}, **LOOPBACK)
    assert (answer.status_code, answer.json()["Code"]) == (400, "InvalidParameter")


def test_a_body_that_is_no_form_is_refused(eci: Any) -> None:
    answer = httpx.post(eci.url, json={"Action": "A"}, **LOOPBACK)
    assert answer.status_code == 415
