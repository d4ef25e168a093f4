"""Plays the notification that docker-registry sends after a push, for machines that have no such registry."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime, timezone

import httpx

from ..base.loopback import LOOPBACK

__all__ = ["play_notification"]

_SECONDS = 30.0


def play_notification(url: str, host: str, image: str, content: str) -> str:
    """Send it; returns the digest of the image.

    Args:
        url: of the webhook.
        host: of the registry that is played.
        image: repository and tag, as ``shop/web:v1``.
        content: another one gives another digest.

    Raises:
        httpx.HTTPError: the webhook does not answer with 2xx in time.
    """
    repository, _, tag = image.rpartition(":")
    digest = f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
    event = {
        "id": str(uuid.uuid4()),
        "timestamp": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "action": "push",
        "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest,
            "repository": repository,
            "url": f"http://{host}/v2/{repository}/manifests/{digest}",
            "tag": tag,
        },
        "request": {"host": host, "method": "PUT"},
    }
    answer = httpx.post(
        url,
        content=json.dumps({"events": [event]}),
        headers={"content-type": "application/vnd.docker.distribution.events.v1+json"},
        **LOOPBACK,
        timeout=_SECONDS,
    )
    answer.raise_for_status()
    return digest
