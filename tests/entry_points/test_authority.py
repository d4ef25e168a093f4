"""What a sender may speak for: its own registries, those that the URL names, those that its token is for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.entry_points.test_sources import post, publish, relay
from tests.support.depth import every_value

TOKEN = "example-token-0123456789"
OTHER_TOKEN = "another-token-0123456789"
VENDOR = "registry-vpc.cn-hangzhou.aliyuncs.com"
VENDOR_IDENTITY = "registry.cn-hangzhou.aliyuncs.com"
ENTERPRISE = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
OWN = "registry.example.com"

REFRESHED = ("refreshed", "TAG_REPUSHED")
NOT_NAMED = ("rejected", "REGISTRY_NOT_NAMED")
MISMATCH = ("rejected", "REGISTRY_MISMATCH")
UNAUTHORIZED = ("rejected", "UNAUTHORIZED")

PUSHES = {
    "acr": "acr/push_latest",
    "artifactory": "artifactory/push",
    "azure": "azure/push",
    "distribution": "distribution/push_tag_v1",
    "dockerhub": "dockerhub/push",
    "gitea": "gitea/push",
    "github": "github/package_published",
    "harbor": "harbor/push",
    "nexus": "nexus/push",
    "quay": "quay/push",
}
"""A push of each source but native."""

OWN_HOSTS = {
    "acr": VENDOR,
    "dockerhub": "docker.io",
    "github": "ghcr.io",
    "quay": "quay.io",
    "azure": "acme.azurecr.io",
}
"""A registry that has a source of its own, by that source."""


def with_host(source: str, document: Any, host: str) -> Any:
    """The payload with another host in it, as a client of the registry, or its owner, can bring it about."""
    if source == "distribution":
        document["events"][0]["request"]["host"] = host
        document["events"][0]["target"]["url"] = f"https://{host}/v2/prod/web/manifests/v1"
    elif source == "azure":
        document["request"]["host"] = host
    elif source == "github":
        document["package"]["package_version"]["package_url"] = f"{host}/prod/web:v1"
    elif source == "harbor":
        document["event_data"]["resources"][0]["resource_url"] = f"{host}/prod/web:v1"
    elif source == "gitea":
        document["package"]["html_url"] = f"https://{host}/prod/-/packages/container/web/v1"
    else:
        document["docker_url"] = f"{host}/prod/web"
    return document


TELLS_HOST = ["azure", "distribution", "gitea", "github", "harbor", "quay"]
SERVERS = {"harbor", "gitea"}
"""Sources whose payloads name the host that their own server is set up with."""


def listed(deployed: Any, host: str) -> dict[str, str]:
    """A cache for each tag that the samples push, at the host."""
    tags = ("v1", "latest")
    return {tag: deployed.cache(f"{host}/prod/web:{tag}", image_cache_name=tag) for tag in tags}


@every_value
@pytest.mark.parametrize("way", [post, publish, relay])
@pytest.mark.parametrize("owner", OWN_HOSTS)
@pytest.mark.parametrize("source", TELLS_HOST)
def test_a_host_in_a_payload_reaches_no_registry_of_another_source(
    deployed: Any, doors: Any, payload: Any, source: str, owner: str, way: Any
) -> None:
    listed(deployed, OWN_HOSTS[owner])
    told = way(doors, source, with_host(source, payload(f"{PUSHES[source]}.json"), OWN_HOSTS[owner]))
    if source == owner:
        assert REFRESHED in told.results
        return
    expected = MISMATCH if source in SERVERS else NOT_NAMED
    assert told.results == [expected]
    assert deployed.actions() == []


@every_value
@pytest.mark.parametrize("owner", OWN_HOSTS)
@pytest.mark.parametrize("source", PUSHES)
def test_the_url_names_no_registry_of_another_source(
    deployed: Any, doors: Any, payload: Any, source: str, owner: str
) -> None:
    listed(deployed, OWN_HOSTS[owner])
    told = post(doors, source, payload(f"{PUSHES[source]}.json"), registry=OWN_HOSTS[owner])
    if source == owner:
        assert REFRESHED in told.results
        return
    assert (told.status, told.results) == (400, [MISMATCH])
    assert f"/webhooks/{owner} or /webhooks/native" in told.only["message"]
    assert deployed.actions() == []


@pytest.mark.parametrize("way", ["published", "relayed"])
def test_an_event_names_no_registry_of_another_source_either(
    deployed: Any, doors: Any, payload: Any, way: str
) -> None:
    listed(deployed, VENDOR)
    if way == "published":
        event = {**payload("wrapped/by_source.json"), "source": "imc-refresh.distribution"}
        event |= {"data": payload("distribution/push_tag_v1.json"), "registry": VENDOR}
    else:
        event = payload("wrapped/http_by_path.json")
        event["data"].update(path="/webhooks/distribution", body=payload("distribution/push_tag_v1.json"))
        event["data"]["queryString"] = {"registry": VENDOR}
    assert doors.push(event).results == [MISMATCH]
    assert deployed.actions() == []


@every_value
@pytest.mark.parametrize(
    "alias", ["images.example.com", "IMAGES.example.com:443", "images.example.com%3A443"]
)
@pytest.mark.parametrize(
    "source", ["artifactory", "distribution", "dockerhub", "gitea", "harbor", "nexus", "quay"]
)
def test_an_alias_of_the_vendors_registry_is_the_vendors(
    deployed: Any, doors: Any, payload: Any, rules: Any, source: str, alias: str
) -> None:
    rules({}, aliases={"images.example.com": ENTERPRISE})
    deployed.cache("images.example.com/prod/web:v1")
    told = post(doors, source, payload(f"{PUSHES[source]}.json"), registry=alias)
    assert (told.status, told.results) == (400, [MISMATCH])
    assert deployed.actions() == []


@pytest.mark.parametrize("source", ["gitea", "harbor", "quay", "azure"])
def test_an_alias_in_a_payload_is_the_registry_behind_it(
    deployed: Any, doors: Any, payload: Any, rules: Any, source: str
) -> None:
    rules({}, aliases={"images.example.com": OWN_HOSTS.get(source, ENTERPRISE)})
    deployed.cache("images.example.com/prod/web:v1")
    document = with_host(source, payload(f"{PUSHES[source]}.json"), "images.example.com")
    told = post(doors, source, document)
    # The vendor's word counts for its own registry under a domain of one's own as well.
    assert told.results == [MISMATCH if source in SERVERS else REFRESHED]


def test_the_vendors_webhook_names_its_custom_domain(
    deployed: Any, doors: Any, events: Any, rules: Any
) -> None:
    rules({}, aliases={"images.example.com": ENTERPRISE})
    cache = deployed.cache(f"{ENTERPRISE}/prod/web:latest")
    assert doors.webhook("acr", events.acr(), registry="images.example.com").results == [REFRESHED]
    assert list(deployed.updated()) == [cache]


def test_a_custom_domain_of_another_region_is_seen_behind_its_alias(
    deployed: Any, doors: Any, events: Any, rules: Any
) -> None:
    rules({}, aliases={"images.example.com": "acme-registry.cn-beijing.cr.aliyuncs.com"})
    told = doors.webhook("acr", events.acr(), registry="images.example.com")
    assert (told.status, told.results) == (400, [MISMATCH])


@pytest.mark.parametrize(
    "image", [f"{VENDOR}/prod/web:latest", "docker.io/prod/web:v1", "ghcr.io/prod/web:v1"]
)
def test_native_speaks_for_every_registry(deployed: Any, doors: Any, image: str) -> None:
    cache = deployed.cache(image)
    assert doors.webhook("native", {"image": image}).results == [REFRESHED]
    assert list(deployed.updated()) == [cache]


@every_value
@pytest.mark.parametrize("way", [post, publish, relay])
@pytest.mark.parametrize("source", ["azure", "distribution", "github", "quay"])
def test_a_registry_that_nobody_named_is_refused_with_what_to_set(
    deployed: Any, doors: Any, payload: Any, source: str, way: Any
) -> None:
    listed(deployed, OWN)
    told = way(doors, source, with_host(source, payload(f"{PUSHES[source]}.json"), OWN))
    assert told.results == [NOT_NAMED]
    assert told.status == (400 if way is post else None)
    assert f"/webhooks/{source}?token=...&registry=<host>" in told.only["message"]
    assert told.only["error"]["found"] == ("none" if source == "distribution" else OWN)
    assert deployed.actions() == []


@pytest.mark.parametrize("source", PUSHES)
def test_the_url_names_the_registry_and_wins(deployed: Any, doors: Any, payload: Any, source: str) -> None:
    caches = listed(deployed, OWN)
    others = [listed(deployed, host) for host in ("mirror.example.com", VENDOR)]
    told = post(doors, source, payload(f"{PUSHES[source]}.json"), registry=OWN)
    pushed = [one for one in told.outcomes if one["result"] == "refreshed"]
    assert {one["image_cache_id"] for one in pushed} <= set(caches.values())
    assert list(deployed.updated()) == [one["image_cache_id"] for one in pushed] != []
    assert not set(deployed.updated()) & {cache for other in others for cache in other.values()}


@every_value
@pytest.mark.parametrize("host", [VENDOR, "10.0.0.7:5000", "no host at all", "x" * 200])
@pytest.mark.parametrize("source", TELLS_HOST)
def test_another_host_in_the_payload_is_recorded_and_no_more(
    deployed: Any, doors: Any, payload: Any, source: str, host: str
) -> None:
    caches = listed(deployed, OWN)
    document = with_host(source, payload(f"{PUSHES[source]}.json"), host)
    told = post(doors, source, document, registry=OWN)
    (pushed,) = (one for one in told.outcomes if one["result"] == "refreshed")
    assert pushed["image_cache_id"] == caches["v1"]
    # By the rule of references the first part of an address may be no host at all.
    if "." in host or source in {"azure", "distribution", "gitea"}:
        assert pushed["payload_host"].startswith(host[:80])
    else:
        assert "payload_host" not in pushed


@pytest.mark.parametrize("host", [OWN, OWN.upper(), f"{OWN}:443"])
def test_another_name_of_the_registry_in_the_payload_is_not_worth_a_word(
    deployed: Any, doors: Any, payload: Any, host: str
) -> None:
    listed(deployed, OWN)
    document = with_host("distribution", payload("distribution/push_tag_v1.json"), host)
    told = post(doors, "distribution", document, registry=OWN)
    assert REFRESHED in told.results
    assert all("payload_host" not in one for one in told.outcomes)


@pytest.mark.parametrize("source", ["artifactory", "nexus"])
@pytest.mark.parametrize("host", [OWN, VENDOR])
def test_an_address_of_the_server_is_not_that_of_its_registry(
    deployed: Any, doors: Any, payload: Any, source: str, host: str
) -> None:
    listed(deployed, host)
    document = payload(f"{PUSHES[source]}.json") | {"jpd_origin": f"https://{host}"}
    told = post(doors, source, document, registry=None)
    assert (told.status, told.results) == (400, [NOT_NAMED])
    assert f"/webhooks/{source}?token=...&registry=<host>" in told.only["message"]
    event = {"id": "e-1", "source": f"imc-refresh.{source}", "specversion": "1.0", "type": "pushed"}
    assert doors.push({**event, "data": document}).results == [NOT_NAMED]
    assert deployed.actions() == []


def test_an_envelope_without_a_named_registry_is_refused_as_a_whole(
    deployed: Any, doors: Any, payload: Any
) -> None:
    told = post(doors, "distribution", payload("distribution/push_multi_arch.json"))
    assert (told.status, told.results) == (400, [NOT_NAMED])


TOKENS = {
    "harbor": f"harbor={TOKEN}",
    "two sources": f"harbor+native={TOKEN}",
    "one registry": f"distribution@{OWN}={TOKEN}",
    "one registry of harbor": f"harbor@harbor.example.com={TOKEN}",
    "one registry of native": f"native@{OWN}={TOKEN}",
    "two bounds": f"harbor={TOKEN},distribution@{OWN}={TOKEN}",
    "a wide one beside": f"harbor@other.example.com={TOKEN},{OTHER_TOKEN},{TOKEN}",
    "signed": f"github={TOKEN}",
    "one registry of gitea": f"gitea@gitea.example.com={TOKEN}",
    "gitea and another": f"gitea+native={TOKEN}",
    "one registry of artifactory": f"artifactory@{OWN}={TOKEN}",
}
REQUESTS: dict[str, tuple[str, Any, str | None]] = {
    "harbor": ("harbor", "harbor/push.json", None),
    "harbor, named": ("harbor", "harbor/push.json", "harbor.example.com"),
    "harbor of another": ("harbor", "harbor/push.json", OWN),
    "native": ("native", "native/push.json", None),
    "native of another": ("native", "native/push_host_with_port.json", None),
    "distribution": ("distribution", "distribution/push_tag_v1.json", OWN),
    "distribution of another": ("distribution", "distribution/push_tag_v1.json", f"{OWN}:5000"),
    "dockerhub": ("dockerhub", "dockerhub/push.json", None),
    "github": ("github", "github/package_published.json", None),
    "gitea": ("gitea", "gitea/push.json", None),
    "gitea of another": ("gitea", "gitea/push_host_with_port.json", None),
    "artifactory": ("artifactory", "artifactory/push.json", OWN),
    "artifactory of another": ("artifactory", "artifactory/push.json", "mirror.example.com"),
    "nexus": ("nexus", "nexus/push.json", OWN),
}
LET_IN = {
    "harbor": {"harbor", "harbor, named", "harbor of another"},
    "two sources": {"harbor", "harbor, named", "harbor of another", "native", "native of another"},
    "one registry": {"distribution"},
    "one registry of harbor": {"harbor", "harbor, named"},
    "one registry of native": {"native"},
    "two bounds": {"harbor", "harbor, named", "harbor of another", "distribution"},
    "a wide one beside": set(REQUESTS),
    "signed": {"github"},
    "one registry of gitea": {"gitea"},
    "gitea and another": {"gitea", "gitea of another", "native", "native of another"},
    "one registry of artifactory": {"artifactory"},
}


@every_value
@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("configured", TOKENS)
def test_a_token_is_good_for_what_it_is_bound_to(
    deployed: Any,
    doors: Any,
    payload: Any,
    monkeypatch: pytest.MonkeyPatch,
    configured: str,
    request_: str,
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", TOKENS[configured])
    doors.secrets.append(OTHER_TOKEN)
    source, sample, registry = REQUESTS[request_]
    told = post(doors, source, payload(sample), registry=registry)
    if request_ in LET_IN[configured]:
        assert (told.status, told.results) == (200, [("ignored", "NO_MATCH")])
    else:
        assert (told.status, told.results) == (401, [UNAUTHORIZED])
        assert deployed.actions() == []


@pytest.mark.parametrize(
    "named", [None, "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com", "images.example.com"]
)
def test_a_token_is_bound_to_a_registry_under_all_of_its_names(
    deployed: Any, doors: Any, events: Any, rules: Any, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    rules({}, aliases={"images.example.com": ENTERPRISE})
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", f"acr@images.example.com={TOKEN}")
    told = doors.webhook("acr", events.acr(), registry=named)
    # Without a name it is the shared registry of the payload's region, which the token is not for.
    assert told.status == (401 if named is None else 200)


def test_of_several_resources_each_has_its_own_host(
    deployed: Any, doors: Any, payload: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", f"harbor@harbor.example.com={TOKEN}")
    document = payload("harbor/push_two_resources.json")
    document["event_data"]["resources"][1]["resource_url"] = "other.example.com/prod/web:latest"
    told = post(doors, "harbor", document)
    assert sorted(told.results) == [("ignored", "NO_MATCH"), UNAUTHORIZED]


@pytest.mark.parametrize(
    ("tokens", "problem"),
    [
        (f"harbour={TOKEN}", "token 1 is bound to a name that is not a source"),
        (f"harbor+={TOKEN}", "token 1 is bound to a name that is not a source"),
        (f"{OTHER_TOKEN},acs={TOKEN}", "token 2 is bound to a name that is not a source"),
        (f"harbor@https://x={TOKEN}", "token 1 is bound to a registry that is not a host"),
        (f"harbor@={TOKEN}", "token 1 is bound to a registry that is not a host"),
        ("harbor=short", "token 1 has 5 characters"),
        ("harbor=", "token 1 has 0 characters"),
    ],
)
def test_a_wrong_bound_is_a_settings_error(
    deployed: Any,
    doors: Any,
    payload: Any,
    monkeypatch: pytest.MonkeyPatch,
    tokens: str,
    problem: str,
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", tokens)
    told = post(doors, "harbor", payload("harbor/push.json"))
    assert (told.status, told.results) == (500, [("failed", "SETTINGS_INVALID")])
    assert problem in told.only["message"]


@pytest.mark.parametrize(
    "token", ["Harbor=0123456789abcdef", "+/=&?#%41-0123456789", "harbor2=0123456789abcdef", f"={TOKEN}"]
)
def test_what_does_not_look_like_a_bound_is_part_of_the_token(
    deployed: Any, doors: Any, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", token)
    doors.secrets.append(token)
    assert doors.webhook("native", {"image": f"{OWN}/prod/web:v1"}, token=token).status == 200


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (TOKEN, "1 of the tokens"),
        (f"{TOKEN},harbor={OTHER_TOKEN}", "1 of the tokens"),
        (f"{TOKEN},{OTHER_TOKEN}", "2 of the tokens"),
        (f"harbor={TOKEN},native@{OWN}={OTHER_TOKEN}", None),
    ],
)
def test_a_cold_start_says_that_a_token_is_not_bound(
    deployed: Any,
    doors: Any,
    payload: Any,
    monkeypatch: pytest.MonkeyPatch,
    tokens: str,
    said: str | None,
) -> None:
    monkeypatch.setenv("IMC_WEBHOOK_TOKENS", tokens)
    doors.secrets.append(OTHER_TOKEN)
    told = [post(doors, "harbor", payload("harbor/push.json")) for _ in range(2)]
    log = told[-1].text
    assert log.count("bound to no source") == (0 if said is None else 1)
    assert said is None or said in log
    assert all("bound" not in one["message"] for each in told for one in each.outcomes)


@pytest.mark.parametrize("url", ["http://[", "http://[::1/v2", "", "no address at all"])
def test_an_address_that_cannot_be_read_loses_no_push_whose_registry_the_url_names(
    deployed: Any, doors: Any, payload: Any, url: str
) -> None:
    deployed.cache("images.example.com/prod/web:v1")
    document = payload(f"{PUSHES['distribution']}.json")
    del document["events"][0]["request"]
    document["events"][0]["target"]["url"] = url
    told = post(doors, "distribution", document, registry="images.example.com")
    assert told.results == [REFRESHED]


@pytest.mark.parametrize("request_part", [[], ["x"], "text", 7, None, {"host": 7}], ids=repr)
def test_an_event_that_is_no_push_may_have_any_request(doors: Any, payload: Any, request_part: Any) -> None:
    document = {**payload(f"{PUSHES['azure']}.json"), "action": "quarantine", "request": request_part}
    told = post(doors, "azure", document, registry="acme.azurecr.io")
    assert told.results == [("ignored", "NOT_A_PUSH")]
