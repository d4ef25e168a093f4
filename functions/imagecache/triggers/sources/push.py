"""What payload formats share: how a payload came, the registry that it means, the push that it reports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from ...base.errors import InputError
from ...base.json_input import fingerprint, shown
from ...base.reasons import Reason, Result
from ...base.timestamps import parse_moment
from ...model.change import Notice, PushEvent
from ...model.reference import (
    IMAGE_MEDIA_TYPES,
    check_digest,
    check_host,
    check_repository,
    check_tag,
    is_host,
)
from ...model.registry_identity import registry_identity
from ...model.webhook_sources import WEBHOOK_SOURCES, Word, own_sources

_ATTACHED = re.compile(r"sha256-.*|.*\.(?:sig|att|sbom)", re.DOTALL)
_ZONE = re.compile(r".*(?:[Zz]|[+-]\d{2}:?\d{2})", re.ASCII)
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_PLAIN = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")
_REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_LONGEST_REGION, _LONGEST_TIME = 64, 64
_NATIVE = "native"
"""The source whose sender writes the whole reference, and nobody else any part of it."""
_PARAMETER, _REGISTRY = "registry parameter", "registry"


@dataclass(frozen=True)
class Authority:
    """Which registries the sender of a payload may speak for.

    Attributes:
        aliases: identity of a custom domain -> identity of the registry behind it.
        bound: the registries that the sender's tokens are bound to, aliases resolved; None for no such bound.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    bound: frozenset[str] | None = None

    def behind(self, registry: str) -> str:
        """The registry behind an identity that may be an alias."""
        return self.aliases.get(registry, registry)

    def check(self, source: str, registry: str, *, where: str) -> None:
        """Refuse a registry, by its identity, that the source or the sender's token may not speak for.

        Raises:
            InputError: ``REGISTRY_MISMATCH`` where the registry has a source of its own, ``UNAUTHORIZED``
                where the token is bound to others.
        """
        behind = self.behind(registry)
        own = own_sources(behind)
        if own and source not in own and source != _NATIVE:
            allowed = f"/webhooks/{min(own)} or /webhooks/{_NATIVE}"
            raise InputError(
                Reason.REGISTRY_MISMATCH,
                f"{behind} has a source of its own, so {source} does not speak for it: use {allowed}",
                where=where,
                rule=f"a registry that {source} may speak for",
                found=registry,
            )
        if self.bound is not None and behind not in self.bound:
            raise InputError(
                Reason.UNAUTHORIZED,
                f"the token is not for the registry {registry}",
                where=where,
                rule="a registry that the token is for",
            )


@dataclass(frozen=True)
class Delivery:
    """How a payload came.

    Attributes:
        arrived: when, with a zone.
        delivery_id: the platform's id of the invocation or event that brought it.
        registry: the host that the webhook's ``registry`` parameter names, or None.
        where: a JSON pointer to the payload inside what was received, for error messages.
        no_later_than: the latest moment of the push, where the payload's carrier states one before
            ``arrived``. It bounds a push whose payload states no time.
        authority: which registries the sender may speak for.
    """

    arrived: datetime
    delivery_id: str
    registry: str | None = None
    where: str = ""
    no_later_than: datetime | None = None
    authority: Authority = Authority()


def delivery_for(delivery: Delivery, source: str, parameter: str | None) -> Delivery:
    """The delivery with the registry that the ``registry`` parameter names, if it names one.

    Args:
        delivery: how the payload came.
        source: the payload format.
        parameter: its text, perhaps percent-encoded: it is not documented whether it comes decoded.

    Raises:
        InputError: when it is not a host, or a registry that the sender may not speak for.
    """
    if not parameter or source == _NATIVE:
        return delivery
    host = check_host(unquote(parameter))
    delivery.authority.check(source, registry_identity(host), where=_PARAMETER)
    return replace(delivery, registry=host)


def image_push(  # noqa: PLR0913 - the facts of one push, all by name
    delivery: Delivery,
    *,
    source: str,
    event_id: str,
    host: str,
    repository: str,
    tag: str,
    digest: Any = None,
    pushed_at: Any = None,
    payload_host: str | None = None,
) -> PushEvent | Notice:
    """The push that a payload reports, checked by the reference grammar.

    A tag as signing tools write it (``sha256-...``, ``*.sig``, ``*.att``, ``*.sbom``) is a notice.

    Args:
        delivery: how the payload came.
        source: the payload format.
        event_id: its id of the push.
        host: of the registry that counts.
        repository: the repository path.
        tag: the tag.
        digest: the manifest's, as the payload has it; what is not a digest counts as missing.
        pushed_at: when it was pushed, as the payload has it; what is not a time counts as missing.
        payload_host: the host in the payload, which counts for nothing. It is recorded where it is another.

    Raises:
        InputError: when host, repository or tag is invalid, or the sender may not speak for the registry.
    """
    time = optional_text(pushed_at, longest=_LONGEST_TIME)
    registry = registry_identity(host)
    delivery.authority.check(source, registry, where=_REGISTRY)
    stated = parse_moment(time, arrived=delivery.arrived)
    push = PushEvent(
        source=source,
        event_id=event_id,
        registry=registry,
        repository=check_repository(repository),
        tag=check_tag(tag),
        digest=optional_digest(digest),
        # A push without a time counts as made when it arrived, or when its carrier was made.
        pushed_at=stated or delivery.no_later_than or delivery.arrived,
        # A time at or after the arrival was not stated: it replaces one that is impossible.
        dated=stated is not None and stated < delivery.arrived and bool(_ZONE.fullmatch(time)),
        payload_host=_other_host(delivery.authority, registry, payload_host),
    )
    if _ATTACHED.fullmatch(tag):
        notice = f"tag {tag} holds a signature, an attestation or an SBOM"
        return ignored(source, event_id, Reason.SIGNATURE_TAG, notice, image=push.image)
    return push


def manifest_push(
    event: Mapping[str, Any], delivery: Delivery, *, source: str, host: tuple[str, str], where: str
) -> PushEvent | Notice:
    """The push of an event with ``action``, ``target`` and ``timestamp``, as the OCI registry writes it.

    Args:
        event: the event.
        delivery: how it came.
        source: the payload format.
        host: the registry's host in the event, empty if missing, and the keys that should have it.
        where: a JSON pointer to the event.

    Raises:
        InputError: when no registry is named, or a name is invalid.
    """
    event_id, action = optional_text(event.get("id")), event["action"]
    if action != "push":
        return ignored(source, event_id, Reason.NOT_A_PUSH, f"action {action} adds no image")
    target = event["target"]
    event_id = event_id or push_id(delivery, event.get("timestamp"), event)
    media_type = optional_text(target.get("mediaType"))
    if media_type and media_type not in IMAGE_MEDIA_TYPES:
        notice = f"media type {media_type} is not an image manifest"
        return ignored(source, event_id, Reason.NOT_AN_IMAGE, notice)
    if not target.get("tag"):
        notice = f"a manifest of {target['repository']} was pushed without a tag"
        return ignored(source, event_id, Reason.NO_TAG, notice)
    stated_host, needed = host
    return image_push(
        delivery,
        source=source,
        event_id=event_id,
        host=registry_host(delivery, source, stated_host, needed=needed, where=where),
        repository=target["repository"],
        tag=target["tag"],
        digest=target.get("digest"),
        pushed_at=event.get("timestamp"),
        payload_host=stated_host,
    )


def split_host(reference: str) -> tuple[str, str]:
    """Take the host off ``host/path...``, as registries write addresses of images.

    A first component is a host if it follows ``https://`` or ``http://``, or by the rule of image references.

    Returns:
        The host, empty if there is none, and the rest.
    """
    # Only at the start: a scheme further on must not put another host in the place of the first.
    scheme = _SCHEME.match(reference)
    written = reference[scheme.end() :] if scheme else reference
    first, slash, path = written.partition("/")
    if slash and (scheme or is_host(first)):
        return first, path
    return "", written


def optional_text(value: Any, *, longest: int = 256) -> str:
    """A text that a payload may have, empty if it has something else there, or one that is not printable."""
    fits = isinstance(value, str) and len(value) <= longest and _PLAIN.fullmatch(value)
    return value if fits else ""


def optional_object(value: Any) -> Mapping[str, Any]:
    """An object that a payload may have, empty if it has something else there."""
    return value if isinstance(value, dict) else {}


def optional_region(value: Any) -> str:
    """A region id that a payload may have, empty if it has something else there."""
    text = optional_text(value, longest=_LONGEST_REGION)
    return text if _REGION.fullmatch(text) else ""


def optional_digest(value: Any) -> str | None:
    """A digest that a payload may have, None if it has something else there."""
    try:
        return check_digest(value) if isinstance(value, str) else None
    except InputError:
        return None


def registry_host(delivery: Delivery, source: str, stated: str, *, needed: str, where: str) -> str:
    """The registry's host: the ``registry`` parameter's, else the payload's where its word counts.

    Args:
        delivery: how the payload came.
        source: the payload format.
        stated: the host in the payload; empty if missing.
        needed: the key of the payload that should have it.
        where: a JSON pointer to the object that has the key.

    Raises:
        InputError: ``UNKNOWN_REGISTRY`` when neither names one, ``REGISTRY_NOT_NAMED`` when only the payload
            does and its word does not count.
    """
    if host := delivery.registry or stated:
        counts = delivery.registry or WEBHOOK_SOURCES[source].word is Word.SERVER
        if counts or source in own_sources(delivery.authority.behind(registry_identity(host))):
            return host
        raise not_named(source, where=where, found=host)
    raise InputError(
        Reason.UNKNOWN_REGISTRY,
        f"the payload does not name its registry: {needed} or the registry parameter is needed",
        where=where or "/",
        rule="names the registry's host",
        found="none",
    )


def not_named(source: str, *, where: str, found: str) -> InputError:
    """The refusal of a payload whose registry is not named by who set the webhook up.

    Args:
        source: the payload format.
        where: a JSON pointer to the part of the payload.
        found: the host that the payload names, if any.
    """
    url = f"/webhooks/{source}?token=...&registry=<host>"
    return InputError(
        Reason.REGISTRY_NOT_NAMED,
        f"the host in a payload of {source} is no authority: name the registry in the webhook's URL: {url}",
        where=where or "/",
        rule=f"a URL with &registry=: {url}",
        found=shown(found) or "none",
    )


def _other_host(authority: Authority, registry: str, host: str | None) -> str:
    """The host in a payload, if it is not one of the registry's names."""
    if not host:
        return ""
    try:
        same = authority.behind(registry_identity(host)) == authority.behind(registry)
    except InputError:
        same = False
    return "" if same else shown(host)


def push_id(delivery: Delivery, pushed_at: Any, *facts: Any) -> str:
    """The id of a push whose payload has none: a fingerprint of what identifies it.

    Without a time, two pushes of a tag look the same, even by digest, as a digest may come back. Then each
    delivery counts as a push of its own.

    Args:
        delivery: how the payload came.
        pushed_at: the push's time as the payload has it; what is not a time counts as missing.
        facts: JSON documents that are equal for two deliveries of one push.
    """
    time = optional_text(pushed_at, longest=_LONGEST_TIME)
    dated = parse_moment(time, arrived=delivery.arrived) is not None
    return fingerprint([*facts, pushed_at, None if dated else delivery.delivery_id])


def ignored(source: str, event_id: str, reason: Reason, message: str, *, image: str = "") -> Notice:
    """The notice for an event that is readable and asks for nothing."""
    return Notice(Result.IGNORED, reason, message, source=source, event_id=event_id, image=image)
