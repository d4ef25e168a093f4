"""What mutations put in: names of the fleet and near them, and values that parsers trip over."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .fleet import HOSTS, LOOKALIKES, REPOSITORIES, SIGNATURE_TAGS, TAGS

__all__ = ["confused", "odd_value", "replaced_name"]

_TYPES = (
    *("cr:Artifact:PushCompleted", "cr:Artifact:BuildCompleted", "cr:Artifact:ScanCompleted"),
    *(
        "PUSH_ARTIFACT",
        "PULL_ARTIFACT",
        "DELETE_ARTIFACT",
        "pushImage",
        "deleteImage",
        "harbor.artifact.pushed",
        "harbor.artifact.pulled",
    ),
    *("eventbridge:Events:HTTPEvent", "imc-refresh:native", "imc-refresh:acr", "imc-refresh:gcr"),
)
_ACTIONS = ("push", "pull", "delete", "mount", "published", "updated", "deleted", "ping", "quarantine")
_MEDIA_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.artifact.manifest.v1+json",
    "application/vnd.cncf.helm.config.v1+json",
    "application/octet-stream",
)
_STATUSES = ("SUCCESS", "FAILED", "success", "SUCCE\u00df", "\u017fuccess", "CANCELED")
_SOURCES = ("acs.cr", "acs.oss", "imc-refresh.native", "imc-refresh.harbor", "imc-refresh.gcr", "ci.example")
_REGIONS = ("cn-hangzhou", "cn-beijing", "cn-shanghai", "us-west-1")
_INSTANCES = ("acme", "acme2", "crpi-a1b2c3d4e5f6g7h8", "crpi-a1b2c3d4e5f6g7h8-vpc", "cri-a1b2c3d4e5f6g7h8")
_KINDS = ("CONTAINER", "container", "npm", "Container")
_TAGS = (*TAGS, *SIGNATURE_TAGS, "other", "sha256:" + "0f1e2d3c4b5a6978" * 4)

_FAMILIES: Sequence[Sequence[str]] = (
    (*HOSTS, *LOOKALIKES),
    (*REPOSITORIES, "prod/web2", "Prod/Web", "web", "prod/\u212aiosk", "prod/kio\u017fk"),
    _TAGS,
    _TYPES,
    _ACTIONS,
    _MEDIA_TYPES,
    _STATUSES,
    _SOURCES,
    _REGIONS,
    _INSTANCES,
    _KINDS,
)
"""Words of one kind: any may stand where another of them stood."""

_TIMES = (
    "2026-03-02T02:15:30Z",
    "2026-03-02 10:15:30",
    "2999-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "0000-00-00 00:00:00",
    "9999-12-31T23:59:59.999999999-23:59",
    "2026-02-30T25:61:61Z",
    "2026-03-02T02:15:60Z",
    "1772417730",
    "yesterday",
    "\u0662\u0660\u0662\u0666-03-02T02:15:30Z",
)
_NUMBERS: Sequence[Any] = (
    *(0, -0.0, -1, 1, 0.1, 1e-7, 1e308, -1e308, 2**31, 2**63 - 1, 2**63, 10**30, 10**400),
    *(253402300799, 253402300799.9999, 253402300800, 1772417730.123456789, 1772417730123),
)
_ODD_TEXTS = (
    *(
        "",
        " ",
        "\x00",
        "\n",
        "latest\n",
        "\ud800",
        "\udfff\ud800",
        "v1\ud83d",
        "\ufeff",
        "\u202eweb",
        "\u2028",
    ),
    *(
        "%00",
        "%2e%2e%2f",
        "../../etc/passwd",
        "null",
        "true",
        "{}",
        "[]",
        "\\u0000",
        "'",
        '"',
        "${x}",
        "{0}%s",
    ),
    *(
        "\U0001f4e6",
        "e\u0301",
        "\u0130",
        "\u00df",
        "\u017f",
        "\u212a",
        "\uff0e",
        "a" * 129,
        "a" * 257,
        "a/" * 200,
    ),
)
_LONG, _VERY_LONG = 4096, 65_536
_SAME_LETTERS = str.maketrans(
    {"k": "\u212a", "s": "\u017f", "i": "\u0131", "o": "\u043e", "e": "\u0435", ".": "\uff0e"}
)

_CONFUSIONS: Sequence[Callable[[str, random.Random], str]] = (
    lambda text, _: text.upper(),
    lambda text, _: text.swapcase(),
    lambda text, _: text.translate(_SAME_LETTERS),
    lambda text, _: f"{text}.",
    lambda text, _: f"{text} ",
    lambda text, _: f" {text}",
    lambda text, _: f"{text}\n",
    lambda text, _: f"{text}\x00",
    lambda text, _: f"\u202e{text}",
    lambda text, _: f"{text}-vpc",
    lambda text, _: f"https://{text}",
    lambda text, _: f"https:\\\\{text}",
    lambda text, _: f"//{text}",
    lambda text, _: f"{text}:443",
    lambda text, _: text.replace("/", ":443/", 1),
    lambda text, _: text.replace("/", ":5000/", 1),
    lambda text, _: text.replace("/", "./", 1),
    lambda text, _: text.replace("/", "//", 1),
    lambda text, _: text.replace("/", "/../"),
    lambda text, _: text.replace("/", "%2f"),
    lambda text, _: text.replace("/", "\\"),
    lambda text, _: text.replace(":", "@sha256:", 1),
    lambda text, _: text.replace(":", "::", 1),
    lambda text, _: f"{text}@sha256:{'0f1e2d3c4b5a6978' * 4}",
    lambda text, chance: f"{chance.choice(('user:word', *HOSTS))}@{text}",
    lambda text, chance: f"{chance.choice(HOSTS)}/{text}",
    lambda text, chance: f"{text}://{chance.choice(HOSTS)}/prod/web:v1",
    lambda _, chance: f"{chance.choice(LOOKALIKES)}/x://{chance.choice(HOSTS)}/prod/web:v1",
    lambda text, chance: f"{text}?x={chance.choice(HOSTS)}",
    lambda text, chance: f"{text}#{chance.choice(HOSTS)}",
    lambda text, chance: text[: chance.randrange(len(text) + 1)],
    lambda text, chance: text[chance.randrange(len(text) + 1) :],
)


def confused(text: str, chance: random.Random) -> str:
    """Almost the same text: what a careless comparison or a careless split takes for it."""
    return chance.choice(_CONFUSIONS)(text, chance)


def replaced_name(text: str, chance: random.Random) -> str:
    """The text with one known name in it replaced by another of its kind; any known name if it has none."""
    found = [(family, name) for family in _FAMILIES for name in family if name and name in text]
    if not found:
        return chance.choice(chance.choice(_FAMILIES))
    family, name = chance.choice(found)
    return text.replace(name, chance.choice(family), 1)


def odd_value(chance: random.Random) -> Any:
    """A value of any type, most of them at some border."""
    return chance.choices(_MAKERS, _SHARES)[0](chance)


def _nested(chance: random.Random) -> Any:
    value: Any = "v1"
    for _ in range(chance.choice((2, 60, 66, 200))):
        value = [value] if chance.randrange(2) else {"a": value}
    return value


def _plain(chance: random.Random) -> Any:
    return chance.choice((None, None, True, False, {}, [], [None], {"": None}, [[]], {"name": "v1"}, ["v1"]))


_VALUES: Mapping[Callable[[random.Random], Any], int] = {
    lambda chance: chance.choice(_ODD_TEXTS): 25,
    lambda chance: chance.choice(_NUMBERS): 15,
    lambda chance: chance.choice(_TIMES): 12,
    lambda chance: chance.choice(chance.choice(_FAMILIES)): 15,
    lambda chance: chance.choice("a/ \x00") * chance.choice((_LONG, _VERY_LONG)): 1,
    _nested: 2,
    _plain: 30,
}
"""How odd values are made, and how often each."""
_MAKERS, _SHARES = list(_VALUES), list(_VALUES.values())
