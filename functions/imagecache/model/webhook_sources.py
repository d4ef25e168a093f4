"""The sources of webhooks: how the sender of each proves itself, and which registries it may speak for. Pure.

A client of a registry writes parts of what the registry sends, such as the host under which it was reached.
So what a payload may cause is bounded by its source: a registry that has a source of its own is reached by
that source and ``native`` alone, and every other registry is named by who set the webhook up. Must not know
how a payload is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple


class Access(Enum):
    """How a webhook's sender proves itself; the secrets are the configured tokens."""

    TOKEN = "the token parameter, or an Authorization header with Bearer and a token"  # noqa: S105 - not a secret
    HEADER = "the token parameter, or an Authorization header with a token"
    SIGNATURE = "the signature of the body"
    EITHER = "the token parameter, an Authorization header with a token, or the signature of the body"


class Signature(NamedTuple):
    """A header with the HMAC of the body in hexadecimal digits, keyed with a token.

    Attributes:
        header: its name.
        algorithm: of the hash.
        prefix: what stands before the digits.
        plain: the sender may also be set up to write the token itself there.
        compact: what is signed may be the body without white space between its parts.
    """

    header: str
    algorithm: str = "sha256"
    prefix: str = ""
    plain: bool = False
    compact: bool = False


class Layout(str, Enum):
    """Where a registry's repository key is; the ``layout`` parameter of the webhook's URL may say so."""

    HOST = "host"
    """In the host's name, or its port."""
    PATH = "path"
    """The first part of an image's path."""


class Word(Enum):
    """Whose word the registry of a push is; the ``registry`` parameter of the webhook's URL always counts."""

    VENDOR = "the payload's for the source's own registries, else the URL's"
    URL = "the URL's"
    SERVER = "the setting of the sending server, or the URL's"
    SENDER = "the sender's"


class Source(NamedTuple):
    """What is known of a source.

    Attributes:
        access: how its sender proves itself.
        word: whose word the registry is.
        resends: it sends a delivery again until the answer is 2xx, and holds up everything behind it.
        signatures: those that its sender can be set up to make, under each name that it may have.
        layout: the usual one of its registries, where they can have several.
    """

    access: Access
    word: Word
    resends: bool = False
    signatures: tuple[Signature, ...] = ()
    layout: Layout | None = None

    @property
    def proof(self) -> str:
        """What proves the sender, in words."""
        headers = " or ".join(one.header for one in self.signatures)
        return f"{self.access.value} ({headers})" if headers else self.access.value


WEBHOOK_SOURCES: Mapping[str, Source] = {
    "acr": Source(Access.TOKEN, Word.VENDOR),
    "artifactory": Source(
        Access.EITHER, Word.URL, signatures=(Signature("X-JFrog-Event-Auth", plain=True),), layout=Layout.PATH
    ),
    "azure": Source(Access.TOKEN, Word.VENDOR),
    "distribution": Source(Access.TOKEN, Word.URL, resends=True),
    "dockerhub": Source(Access.TOKEN, Word.VENDOR),
    "gitea": Source(
        Access.EITHER,
        Word.SERVER,
        signatures=(Signature("X-Gitea-Signature"), Signature("X-Forgejo-Signature")),
    ),
    "github": Source(
        Access.SIGNATURE, Word.VENDOR, signatures=(Signature("X-Hub-Signature-256", prefix="sha256="),)
    ),
    "harbor": Source(Access.HEADER, Word.SERVER),
    "native": Source(Access.TOKEN, Word.SENDER),
    "nexus": Source(
        Access.EITHER,
        Word.URL,
        signatures=(Signature("X-Nexus-Webhook-Signature", "sha1", compact=True),),
        layout=Layout.HOST,
    ),
    "quay": Source(Access.TOKEN, Word.VENDOR),
}
"""The sources of ``POST /webhooks/<source>``."""

_OWN = {
    # The vendor's events come under a name of their own through the event bus.
    re.compile(r"(?:.+\.)?aliyuncs\.com"): frozenset({"acr", "acs.cr"}),
    re.compile(r"(?:.+\.)?docker\.(?:io|com)"): frozenset({"dockerhub"}),
    re.compile(r"(?:.+\.)?ghcr\.io|(?:.+\.)?pkg\.github\.com"): frozenset({"github"}),
    re.compile(r"(?:.+\.)?quay\.io"): frozenset({"quay"}),
    re.compile(r".+\.azurecr\..+"): frozenset({"azure"}),
}
_PORT = re.compile(r":[0-9]+")


def own_sources(registry: str) -> frozenset[str]:
    """The sources that speak for a registry beside ``native``; empty if it has none of its own.

    Args:
        registry: the registry's identity, aliases resolved. Its port does not count.
    """
    host = _PORT.sub("", registry)
    return next((sources for form, sources in _OWN.items() if form.fullmatch(host)), frozenset())
