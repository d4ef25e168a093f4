"""From the facts that a payload gives to a push, or to the notice that says why it is none."""

from __future__ import annotations

import re

from ..changes import Notice, PushEvent
from ..moments import parse_moment
from ..reasons import Reason, Result
from ..reference import check_digest, check_repository, check_tag
from ..registry import registry_identity
from .delivery import Delivery

__all__ = ["IMAGE_MEDIA_TYPES", "image_push"]

IMAGE_MEDIA_TYPES = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    }
)
"""The media types of image manifests and of their multi-arch indexes."""

_ATTACHED = re.compile(r"sha256-.*|.*\.(?:sig|att|sbom)", re.DOTALL)


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
    push = PushEvent(
        source=source,
        event_id=event_id,
        registry=registry,
        repository=check_repository(repository),
        tag=check_tag(tag),
        digest=check_digest(digest) if digest else None,
        # A push that tells no time counts as made when it arrived.
        pushed_at=parse_moment(pushed_at, arrived=delivery.arrived) or delivery.arrived,
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
