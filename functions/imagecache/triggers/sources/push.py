"""From the facts that a payload gives to a push, or to the notice that says why it is none."""

from __future__ import annotations

import re
from typing import Any

from ...base.json_input import fingerprint
from ...base.reasons import Reason, Result
from ...base.timestamps import parse_moment
from ...model.change import Notice, PushEvent
from ...model.reference import check_digest, check_repository, check_tag
from ...model.registry_identity import registry_identity
from .delivery import Delivery

_ATTACHED = re.compile(r"sha256-.*|.*\.(?:sig|att|sbom)", re.DOTALL)
_ZONE = re.compile(r".*(?:[Zz]|[+-]\d{2}:?\d{2})", re.ASCII)


def image_push(  # noqa: PLR0913 - the facts of one push, all by name
    delivery: Delivery,
    *,
    source: str,
    event_id: str,
    host: str,
    repository: str,
    tag: str,
    digest: str | None = None,
    pushed_at: str | None = None,
) -> PushEvent | Notice:
    """The push that a payload reports, checked by the reference grammar.

    A tag as signing tools write it (``sha256-...``, ``*.sig``, ``*.att``, ``*.sbom``) is a notice.

    Raises:
        InputError: when host, repository, tag or digest is none.
    """
    registry = registry_identity(host)
    told = parse_moment(pushed_at, arrived=delivery.arrived)
    push = PushEvent(
        source=source,
        event_id=event_id,
        registry=registry,
        repository=check_repository(repository),
        tag=check_tag(tag),
        digest=check_digest(digest) if digest else None,
        # A push that tells no time counts as made when it arrived, or as what carried it says.
        pushed_at=told or delivery.no_later_than or delivery.arrived,
        # A time at or after the arrival was not told, but put in the place of one that cannot be.
        dated=told is not None and told < delivery.arrived and bool(_ZONE.fullmatch(pushed_at or "")),
    )
    if _ATTACHED.fullmatch(tag):
        return Notice(
            Result.IGNORED,
            Reason.SIGNATURE_TAG,
            f"tag {tag} holds a signature, an attestation or an SBOM",
            source=source,
            event_id=event_id,
            image=push.image,
        )
    return push


def push_id(delivery: Delivery, pushed_at: str | None, *facts: Any) -> str:
    """The id of a push whose payload has none: a fingerprint of what identifies it.

    Without a time, one push of a tag cannot be told from the next, not even by a digest, which may come back;
    then each delivery is one.

    Args:
        delivery: how the payload came.
        pushed_at: the push's time as the payload tells it.
        facts: JSON documents that are equal for two deliveries of one push.
    """
    dated = parse_moment(pushed_at, arrived=delivery.arrived) is not None
    return fingerprint([*facts, pushed_at, None if dated else delivery.delivery_id])


def ignored(source: str, event_id: str, reason: Reason, message: str) -> Notice:
    """The notice for an event that is read and asks for nothing."""
    return Notice(Result.IGNORED, reason, message, source=source, event_id=event_id)
