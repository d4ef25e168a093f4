"""Rights in the running cloud: what a function's role allows is done, the rest is refused, all is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from local.base.database import connect
from local.base.loopback import LOOPBACK
from local.cloud.cloud import Cloud, CloudConfig
from local.eci.control import EciControl
from local.eci.server import serve_eci
from local.fc.signature import Signer
from local.permissions import access
from local.permissions.access import Call
from local.permissions.credentials import Credential, CredentialStore
from local.permissions.policies import Role, Statement

REGION, ACCOUNT = "cn-hangzhou", "1234567890123456"
HANDLERS = """
import json, os

def key(event, context):
    names = ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
    return json.dumps([os.environ.get(f"ALIBABA_CLOUD_{name}") for name in names])
"""
ANY_CACHE = f"acs:eci:*:{ACCOUNT}:imagecache/*"
READER, WRITER, CALLER = "reader", "writer", "caller"
STATEMENTS = {
    READER: [{"Effect": "Allow", "Action": "eci:Describe*", "Resource": ANY_CACHE}],
    WRITER: [
        {"Effect": "Allow", "Action": ["eci:*"], "Resource": [ANY_CACHE]},
        {"Effect": "Deny", "Action": "eci:UpdateImageCache", "Resource": f"{ANY_CACHE[:-1]}imc-kept"},
    ],
    CALLER: [
        {
            "Effect": "Allow",
            "Action": "fc:InvokeFunction",
            "Resource": f"acs:fc:{REGION}:{ACCOUNT}:functions/{READER}",
        }
    ],
}
ROLELESS = "roleless"


def resources() -> dict[str, Any]:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["fc.aliyuncs.com"]}}
    made: dict[str, Any] = {}
    for name in (*STATEMENTS, ROLELESS):
        properties: dict[str, Any] = {"FunctionName": name, "Handler": "f.key", "Runtime": "python3.12"}
        if name in STATEMENTS:
            properties["Role"] = {"Fn::GetAtt": [f"Of{name}", "Arn"]}
            made[f"Of{name}"] = {
                "Type": "ALIYUN::RAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {"Version": "1", "Statement": [trust]},
                    "Policies": [{"PolicyDocument": {"Version": "1", "Statement": STATEMENTS[name]}}],
                },
            }
        made[name] = {"Type": "ALIYUN::FC3::Function", "Properties": properties}
    config = {"authType": "function", "methods": ["POST"]}
    made["Http"] = {
        "Type": "ALIYUN::FC3::Trigger",
        "Properties": {
            "TriggerName": "http",
            "FunctionName": READER,
            "TriggerType": "http",
            "TriggerConfig": config,
        },
    }
    return made


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("ram")
    (folder / "f.py").write_text(HANDLERS, encoding="utf-8")
    template = folder / "template.json"
    template.write_text(
        json.dumps({"ROSTemplateFormatVersion": "2015-09-01", "Resources": resources()}), encoding="utf-8"
    )
    with Cloud(CloudConfig(folder / "state", template, folder)) as cloud:
        for identifier in ("imc-1", "imc-kept"):
            cloud.control.create_cache(
                region_id=REGION, image_cache_id=identifier, image_cache_name="web", images=["nginx:1"]
            )
        yield cloud


def key_of(cloud: Cloud, function: str) -> Credential:
    """The key that a function finds in its environment."""
    return Credential(*json.loads(cloud.invoke(function, b"").payload), expires_at=None)


def ask(url: str, key: Credential, action: str, **parameters: str) -> httpx.Response:
    """A signed call of ECI's API."""
    signed = {
        "Action": action,
        "Version": "2018-08-08",
        "Format": "JSON",
        "RegionId": REGION,
        "AccessKeyId": key.access_key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **({} if key.security_token is None else {"SecurityToken": key.security_token}),
        **parameters,
    }
    canonical = "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(signed.items())
    )
    text = f"GET&%2F&{quote(canonical, safe='~')}"
    digest = hmac.digest(f"{key.access_key_secret}&".encode(), text.encode(), hashlib.sha1)
    signed["Signature"] = base64.b64encode(digest).decode()
    return httpx.get(url, params=signed, **LOOPBACK)


def update(url: str, key: Credential, image_cache_id: str = "imc-1") -> httpx.Response:
    return ask(url, key, "UpdateImageCache", ImageCacheId=image_cache_id, ImageCacheName="web")


def code(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("Code")


def last_calls(cloud: Cloud, function: str) -> list[Call]:
    return [call for call in cloud.calls() if call.function == function]


@pytest.mark.parametrize(
    ("action", "parameters"),
    [("TagResources", {"Tag.1.Key": "a", "Tag.1.Value": "1"}), ("UntagResources", {"TagKey.1": "a"})],
)
def test_tags_are_set_where_the_role_allows_it(cloud: Cloud, action: str, parameters: dict[str, str]) -> None:
    sent = {"ResourceType": "ImageCache", "ResourceId.1": "imc-1", **parameters}
    assert code(ask(cloud.eci_url, key_of(cloud, READER), action, **sent)) == (403, "NoPermission")
    assert code(ask(cloud.eci_url, key_of(cloud, WRITER), action, **sent)) == (200, None)
    resource = f"acs:eci:{REGION}:{ACCOUNT}:imagecache/imc-1"
    for name, allowed in ((READER, False), (WRITER, True)):
        assert last_calls(cloud, name)[-1] == Call(
            name, f"Of{name}", f"eci:{action}", resource, allowed=allowed
        )


def test_eci_does_what_the_role_allows_and_refuses_the_rest(cloud: Cloud) -> None:
    key, before = key_of(cloud, READER), cloud.control.history("imc-1")
    assert code(ask(cloud.eci_url, key, "DescribeImageCaches")) == (200, None)
    assert code(update(cloud.eci_url, key)) == (403, "NoPermission")
    assert cloud.control.history("imc-1") == before
    resource = f"acs:eci:{REGION}:{ACCOUNT}:imagecache"
    assert last_calls(cloud, READER)[-2:] == [
        Call(READER, "Ofreader", "eci:DescribeImageCaches", f"{resource}/*", allowed=True),
        Call(READER, "Ofreader", "eci:UpdateImageCache", f"{resource}/imc-1", allowed=False),
    ]


def test_a_deny_protects_one_cache(cloud: Cloud) -> None:
    key = key_of(cloud, WRITER)
    assert code(update(cloud.eci_url, key, "imc-1")) == (200, None)
    assert code(update(cloud.eci_url, key, "imc-kept")) == (403, "NoPermission")


def test_tags_are_set_by_who_may(cloud: Cloud) -> None:
    asked = {"ResourceType": "ImageCache", "ResourceId.1": "imc-kept", "Tag.1.Key": "k", "Tag.1.Value": "v"}
    answers = [
        code(ask(cloud.eci_url, key_of(cloud, name), "TagResources", **asked)) for name in (READER, WRITER)
    ]
    assert answers == [(403, "NoPermission"), (200, None)]
    resource = f"acs:eci:{REGION}:{ACCOUNT}:imagecache/imc-kept"
    assert last_calls(cloud, WRITER)[-1] == Call(
        WRITER, "Ofwriter", "eci:TagResources", resource, allowed=True
    )


def test_a_refusal_comes_before_the_cache_is_looked_for(cloud: Cloud) -> None:
    assert code(update(cloud.eci_url, key_of(cloud, READER), "imc-none")) == (403, "NoPermission")
    assert code(update(cloud.eci_url, key_of(cloud, WRITER), "imc-none")) == (
        404,
        "InvalidParameter.NotFound",
    )


def invoke(cloud: Cloud, key: Credential, function: str, **headers: str) -> httpx.Response:
    url = f"{cloud.fc_url}/2023-03-30/functions/{function}/invocations"
    signer = Signer(key, trigger=False)
    return httpx.post(url, auth=signer, headers=headers, **LOOPBACK, timeout=30.0)


def test_functions_are_invoked_by_who_may(cloud: Cloud) -> None:
    key = key_of(cloud, CALLER)
    assert invoke(cloud, key, READER).status_code == 200
    later = invoke(cloud, key, WRITER, **{"x-fc-invocation-type": "Async"})
    assert code(later) == code(invoke(cloud, key, WRITER)) == (403, "AccessDenied")
    assert code(invoke(cloud, key, "nobody")) == (403, "AccessDenied")
    assert cloud.fc.deliveries() == []
    resource = f"acs:fc:{REGION}:{ACCOUNT}:functions"
    assert last_calls(cloud, CALLER)[-4:] == [
        Call(CALLER, "Ofcaller", "fc:InvokeFunction", f"{resource}/{name}", allowed=name == READER)
        for name in (READER, WRITER, WRITER, "nobody")
    ]


def test_a_signed_trigger_is_for_who_may_invoke_its_function(cloud: Cloud) -> None:
    url = cloud.http_urls["http"]
    answers = [
        httpx.post(url, auth=Signer(key_of(cloud, name), trigger=True), **LOOPBACK).status_code
        for name in (CALLER, READER)
    ]
    assert answers == [200, 403]


def test_a_function_without_a_role_has_no_key(cloud: Cloud) -> None:
    assert json.loads(cloud.invoke(ROLELESS, b"").payload) == [None, None, None]


def test_a_key_of_nobody_may_do_everything_and_is_not_told(cloud: Cloud) -> None:
    store = CredentialStore(cloud.config.state / "cloud.db")
    key = store.issue()
    store.close()
    before = cloud.calls()
    assert code(ask(cloud.eci_url, key, "DescribeImageCaches")) == (200, None)
    assert invoke(cloud, key, WRITER).status_code == 200
    assert cloud.calls() == before


def test_a_call_that_is_refused_for_its_form_is_no_use_of_a_right(cloud: Cloud) -> None:
    key, before = key_of(cloud, READER), cloud.calls()
    assert code(ask(cloud.eci_url, key, "UpdateImageCache")) == (400, "MissingParameter")
    assert cloud.calls() == before


def test_a_key_whose_function_is_gone_may_do_nothing(tmp_path: Path) -> None:
    database = tmp_path / "eci.sqlite"
    store = CredentialStore(database)
    key = store.issue(principal="gone")
    with serve_eci(database) as served:
        EciControl(served.url).close()
        assert code(ask(served.url, key, "DescribeImageCaches")) == (403, "NoPermission")
    store.close()
    connection = connect(database)
    (call,) = access.calls(connection)
    connection.close()
    assert (call.function, call.role, call.allowed) == ("gone", None, False)


def test_the_principals_are_those_of_the_last_start(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.sqlite")
    connection.executescript(access.SCHEMA)
    role = Role("R", (Statement("Allow", ("a:B",), ("*",)),))
    access.replace_principals(connection, {"old": role, "kept": role})
    access.replace_principals(connection, {"kept": role})
    assert [access.permitted(connection, name, "a:B", "x") for name in ("old", "kept", None)] == [
        False,
        True,
        True,
    ]
    assert [(one.function, one.allowed) for one in access.calls(connection)] == [
        ("old", False),
        ("kept", True),
    ]
    connection.close()
