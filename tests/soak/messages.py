"""How the story's pushes look on the wire: CloudEvents for the event bus, envelopes for the webhook."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from .story import Delivery, PushPlan

__all__ = ["cloud_event", "envelope"]

_CHINA = timezone(timedelta(hours=8))
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def cloud_event(push: PushPlan, began: float) -> dict[str, Any]:
    """The event that tells a push to a registry of the vendor.

    Args:
        push: one of an image whose registry tells its instance.
        began: the beginning of the story, in seconds since the epoch.
    """
    image = push.image
    namespace, _, name = image.repository.partition("/")
    personal = image.instance.startswith("crpi-")
    registry = {"InstanceId": image.instance} if personal else {"InstanceName": image.instance}
    event: dict[str, Any] = {
        "id": push.event_id,
        "source": image.source,
        "specversion": "1.0",
        "type": "cr:Artifact:PushCompleted",
        "aliyunregionid": image.region_id,
        "data": {
            **registry,
            "RepoNamespaceName": namespace,
            "RepoName": name,
            "Tag": image.tag,
            "Digest": push.digest,
        },
    }
    written = _time(push, began)
    return event if written is None else {**event, "time": written}


def envelope(delivery: Delivery, began: float) -> dict[str, Any]:
    """The notification of a registry that tells the delivery's pushes, and perhaps of a pull."""
    events = [_notification(push, began, "push", push.event_id) for push in delivery.pushes]
    if delivery.noisy:
        pulled = delivery.pushes[0]
        events.append(_notification(pulled, began, "pull", f"{pulled.event_id}-pull"))
    return {"events": events}


def _notification(push: PushPlan, began: float, action: str, identifier: str) -> dict[str, Any]:
    image = push.image
    return {
        "id": identifier,
        "timestamp": _time(push, began),
        "action": action,
        "target": {
            "mediaType": _MANIFEST,
            "digest": push.digest,
            "repository": image.repository,
            "tag": image.tag,
        },
        "request": {"host": image.hosts[0], "method": "PUT"},
    }


def _time(push: PushPlan, began: float) -> str | None:
    """The time of a push as its event writes it; None where it does not tell."""
    moment = datetime.fromtimestamp(began + push.at, timezone.utc)
    if push.time_form == "none":
        return None
    if push.time_form == "china":
        return moment.astimezone(_CHINA).isoformat(timespec="milliseconds")
    precision = "seconds" if push.time_form == "seconds" else "microseconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")
