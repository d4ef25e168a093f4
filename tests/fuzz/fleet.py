"""The image caches of a fuzz run, and which registry, repository and tag each entry means.

Written out by hand, with no word of the library's: what it parses wrongly must not be wrong here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

__all__ = ["HOSTS", "LOOKALIKES", "REPOSITORIES", "SIGNATURE_TAGS", "TAGS", "Entry", "FleetCache", "Image"]
__all__ += ["fleet", "known_registry", "region_of"]

Image = tuple[str, str, str]
"""Registry, repository path, tag: what a push is about."""

_ACME = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
_ACME2 = "acme2-registry.cn-hangzhou.cr.aliyuncs.com"
_PERSONAL = "crpi-a1b2c3d4e5f6g7h8.cn-hangzhou.personal.cr.aliyuncs.com"

_FORMS: Mapping[str, Sequence[str]] = {
    "registry.cn-hangzhou.aliyuncs.com": [
        "registry-vpc.cn-hangzhou.aliyuncs.com",
        "registry-internal.cn-hangzhou.aliyuncs.com",
    ],
    "registry.cn-shanghai.aliyuncs.com": [
        "registry-vpc.cn-shanghai.aliyuncs.com",
        "registry-internal.cn-shanghai.aliyuncs.com",
    ],
    "registry.cn-beijing.aliyuncs.com": [
        "registry-vpc.cn-beijing.aliyuncs.com",
        "registry-internal.cn-beijing.aliyuncs.com",
    ],
    _ACME: ["acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"],
    _PERSONAL: ["crpi-a1b2c3d4e5f6g7h8-vpc.cn-hangzhou.personal.cr.aliyuncs.com"],
    _ACME2: ["acme2-registry-vpc.cn-hangzhou.cr.aliyuncs.com"],
    "docker.io": ["index.docker.io", "registry-1.docker.io"],
    "docker.pkg.github.com": [],
    "ghcr.io": [],
    "containers.example.com": [],
    "registry.example.com": [],
    "registry.example.com:5000": [],
    "acme.azurecr.io": [],
    "gitea.example.com": [],
    "gitea.example.com:3000": [],
    "harbor.example.com": [],
    "harbor.example.com:8443": [],
    "quay.io": [],
    "quay.io:8443": [],
}
"""Each registry's public name, and its other names."""

_REGIONS = {
    "registry.cn-hangzhou.aliyuncs.com": "cn-hangzhou",
    "registry.cn-beijing.aliyuncs.com": "cn-beijing",
    "registry.cn-shanghai.aliyuncs.com": "cn-shanghai",
    _ACME2: "cn-hangzhou",
    _ACME: "cn-hangzhou",
    _PERSONAL: "cn-hangzhou",
}
"""The registries whose names tell a region."""

_REGISTRY_OF = {name: registry for registry, others in _FORMS.items() for name in [registry, *others]}

HOSTS = tuple(_REGISTRY_OF)
LOOKALIKES = (
    "registry.example.com.example.net",
    "registry-example.com",
    "aregistry.example.com",
    "registry.example.com:5001",
    "harbor.example.co",
    "quay.io.example.net",
    "registry.cn-hangzhou.aliyuncs.com.example.net",
    "registry-vpc-internal.cn-hangzhou.aliyuncs.com",
    "registry.cn-hangzhou.cr.aliyuncs.com",
    "docker.io.example.net",
    "hub.docker.io",
    "ghcr.io.example.net",
    "localhost",
)
"""Hosts that are none of the registries, however much they look like it; some caches list them."""

REPOSITORIES = ("prod/web", "library/web", "prod/shop/web", "prod/kiosk")
TAGS = ("latest", "v1", "v1.4.2")
SIGNATURE_TAGS = ("v1.sig", "v1.att", "v1.sbom", "sha256-0f1e2d3c")
_DIGEST = "sha256:" + "0f1e2d3c4b5a6978" * 4


@dataclass(frozen=True)
class Entry:
    """One entry of an image list.

    Attributes:
        text: as listed.
        image: what it means; None for a pin, which no push moves.
    """

    text: str
    image: Image | None


@dataclass(frozen=True)
class FleetCache:
    """One image cache: its id and its list, in order."""

    image_cache_id: str
    entries: tuple[Entry, ...]

    @property
    def images(self) -> frozenset[Image]:
        """What a push of it makes stale."""
        return frozenset(entry.image for entry in self.entries if entry.image is not None)


def known_registry(host: str) -> str:
    """The registry behind a host: letter case and the default port say nothing; any other host is itself."""
    name = "".join(letter.lower() if letter.isascii() else letter for letter in host)
    name = name.removesuffix(":443")
    return _REGISTRY_OF.get(name, name)


def region_of(registry: str) -> str | None:
    """The region that a registry's name tells, None where it tells none."""
    return _REGIONS.get(registry)


@cache
def fleet() -> tuple[FleetCache, ...]:
    """All caches."""
    return tuple(
        FleetCache(f"imc-fuzz-{number:04}", entries) for number, entries in enumerate(_lists(), start=1)
    )


def _lists() -> Iterator[tuple[Entry, ...]]:
    for registry, others in _FORMS.items():
        names = [registry, *others]
        for number, repository in enumerate(REPOSITORIES):
            for name, tag in zip([*names, *names, *names], TAGS, strict=False):
                yield (_entry(name, repository, tag),)
            untagged = names[number % len(names)]
            yield (Entry(f"{untagged}/{repository}", (registry, repository, "latest")),)
            yield (Entry(f"{registry}/{repository}@{_DIGEST}", None),)
            yield (Entry(f"{registry}/{repository}:v1@{_DIGEST}", None),)
        yield (_entry(registry, "prod/api", "v1"), _entry(registry, "staging/web", "latest"))
        yield tuple(_entry(registry, "prod/web", tag) for tag in SIGNATURE_TAGS)
    for host in LOOKALIKES:
        yield (_entry(host, "prod/web", "latest"), _entry(host, "prod/web", "v1"))
    yield (Entry("web:v1", ("docker.io", "library/web", "v1")), _entry("registry.example.com", "a/b", "v9"))
    yield (Entry("prod/web:v1", ("docker.io", "prod/web", "v1")),)
    yield (Entry("no reference at all", None), _entry("quay.io", "prod/web", "v9"))


def _entry(name: str, repository: str, tag: str) -> Entry:
    return Entry(f"{name}/{repository}:{tag}", (_REGISTRY_OF.get(name, name), repository, tag))
