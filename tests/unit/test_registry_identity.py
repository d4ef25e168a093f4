"""Registry identity: every name of one registry is equal, and no two registries ever are."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.errors import InputError
from imagecache.model.registry_identity import (
    enterprise_host,
    personal_host,
    registry_identity,
    registry_region,
    shared_host,
)
from tests.support.for_each import for_each


class Registry(NamedTuple):
    """One of the vendor's registries, with every host name that the documentation gives it."""

    edition: str
    instance: str
    region: str

    @property
    def public(self) -> str:
        return {
            "shared": f"registry.{self.region}.aliyuncs.com",
            "personal": f"crpi-{self.instance}.{self.region}.personal.cr.aliyuncs.com",
            "enterprise": f"{self.instance}-registry.{self.region}.cr.aliyuncs.com",
        }[self.edition]

    @property
    def hosts(self) -> list[str]:
        first, _, rest = self.public.partition(".")
        forms = ["", "-vpc", "-internal"] if self.edition == "shared" else ["", "-vpc"]
        return [f"{first}{form}.{rest}" for form in forms]


regions = st.sampled_from(["cn-hangzhou", "cn-shanghai", "ap-southeast-1"]) | st.from_regex(
    r"[a-z]{2}-[a-z]{2,10}(?:-[0-9]{1,2})?", fullmatch=True
)
personal_ids = st.from_regex(r"[a-z0-9]{1,16}", fullmatch=True)
enterprise_names = st.sampled_from(
    ["acme", "acme-registry", "acme-vpc", "acme-registry-vpc", "crpi-acme", "registry", "registry-vpc"]
) | st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,12}[a-z0-9])?", fullmatch=True)
registries = st.one_of(
    st.builds(Registry, st.just("shared"), st.just(""), regions),
    st.builds(Registry, st.just("personal"), personal_ids, regions),
    st.builds(Registry, st.just("enterprise"), enterprise_names, regions),
)


@given(registries, st.data())
def test_every_host_form_of_a_registry_has_its_public_name_as_identity(
    registry: Registry, data: st.DataObject
) -> None:
    host = data.draw(st.sampled_from(registry.hosts))
    spelling = data.draw(st.sampled_from([host, host.upper(), host.title(), f"{host}:443"]))
    assert registry_identity(spelling) == registry.public


@given(registries, registries, st.data())
def test_identities_are_equal_exactly_if_edition_instance_and_region_are(
    one: Registry, other: Registry, data: st.DataObject
) -> None:
    one_host = data.draw(st.sampled_from(one.hosts))
    other_host = data.draw(st.sampled_from(other.hosts))
    assert (registry_identity(one_host) == registry_identity(other_host)) == (one == other)


@given(registries, regions)
def test_another_region_is_another_registry(registry: Registry, region: str) -> None:
    elsewhere = registry._replace(region=region)
    assert (registry_identity(registry.public) == registry_identity(elsewhere.public)) == (
        registry.region == region
    )


@given(
    registries.map(lambda registry: registry.public)
    | st.from_regex(r"[A-Za-z0-9]{1,5}(?:\.[A-Za-z0-9]{1,5}){0,3}(?::[0-9]{1,5})?", fullmatch=True)
)
def test_the_identity_of_an_identity_is_itself(host: str) -> None:
    identity = registry_identity(host)
    assert registry_identity(identity) == identity


@given(registries)
def test_the_region_is_told_by_the_name(registry: Registry) -> None:
    assert registry_region(registry_identity(registry.hosts[-1])) == registry.region


@for_each("host", ["docker.io", "index.docker.io", "registry-1.docker.io", "Docker.IO:443"])
def test_docker_hub_has_several_names(host: str) -> None:
    assert registry_identity(host) == "docker.io"


@for_each(
    ("host", "identity"),
    [
        pytest.param("r.example.com", "r.example.com", id="custom domain"),
        pytest.param("R.Example.com:443", "r.example.com", id="default port"),
        pytest.param("r.example.com:80", "r.example.com:80", id="port 80 is no default"),
        pytest.param("r.example.com:4430", "r.example.com:4430", id="port that begins like the default"),
        pytest.param("localhost:5000", "localhost:5000", id="local"),
        pytest.param("[::1]:443", "[::1]", id="IPv6 with the default port"),
    ],
)
def test_any_other_host_is_its_own_registry(host: str, identity: str) -> None:
    assert registry_identity(host) == identity
    assert registry_region(identity) is None


@for_each(
    "host",
    [
        "registry.cn-hangzhou.aliyuncs.com.evil.example",
        "registry.cn-hangzhou.aliyuncs.com:5000",
        "registry.cn-hangzhou.aliyuncs.comm",
        "registry.cn-hangzhou.aliyuncs.com-evil.example",
        "evilregistry.cn-hangzhou.aliyuncs.com",
        "evil.registry.cn-hangzhou.aliyuncs.com",
        "evil-registry.cn-hangzhou.aliyuncs.com",
        "registry-evil.cn-hangzhou.aliyuncs.com",
        "registry-vpc-vpc.cn-hangzhou.aliyuncs.com",
        "registry-vpc-internal.cn-hangzhou.aliyuncs.com",
        "registry.cn-hangzhou.evil.aliyuncs.com",
        "registry.cn-hangzhou.cr.aliyuncs.com",
        "registry.cn-hangzhouxaliyuncs.com",
        "registry.aliyuncs.com",
        "acme-registry-vpc-vpc.cn-hangzhou.cr.aliyuncs.com",
        "acme-registry-internal.cn-hangzhou.cr.aliyuncs.com",
        "acme-registry.cn-hangzhou.cr.aliyuncs.com.evil.example",
        "acme-registry.cn-hangzhou.aliyuncs.com",
        "x.acme-registry.cn-hangzhou.cr.aliyuncs.com",
        "acme.cn-hangzhou.cr.aliyuncs.com",
        "crpi-a1b2-vpc-vpc.cn-hangzhou.personal.cr.aliyuncs.com",
        "crpi-a1b2.cn-hangzhou.cr.aliyuncs.com",
        "a1b2.cn-hangzhou.personal.cr.aliyuncs.com",
        "index.docker.io.evil.example",
        "docker.io:5000",
    ],
)
def test_a_look_alike_is_its_own_registry(host: str) -> None:
    assert registry_identity(host) == host
    assert registry_region(host) is None


@for_each("host", ["", "r.example.com/", "https://r.example.com", "r.example.com\n", "r x", "\x00"])
def test_what_is_no_host_has_no_identity(host: str) -> None:
    with pytest.raises(InputError):
        registry_identity(host)


def test_the_public_hosts_are_identities() -> None:
    assert shared_host("cn-hangzhou") == "registry.cn-hangzhou.aliyuncs.com"
    assert personal_host("crpi-a1", "cn-hangzhou") == "crpi-a1.cn-hangzhou.personal.cr.aliyuncs.com"
    assert enterprise_host("acme", "cn-hangzhou") == "acme-registry.cn-hangzhou.cr.aliyuncs.com"
    for host in (
        shared_host("cn-hangzhou"),
        personal_host("crpi-a1", "cn-hangzhou"),
        enterprise_host("acme", "cn-hangzhou"),
    ):
        assert registry_identity(host) == host
