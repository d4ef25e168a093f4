"""Image caches as the administration takes and shows them: JSON with names of this server's own.

A seed may hold what no client could have made, such as an entry that is not a valid image reference: whoever
reads the answers has to bear it. Must not know a database or a socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .cache import DEFAULTS, Builds, Cache, Event
from .errors import OrderError
from .machine import STATUSES, progress

__all__ = ["ATTRIBUTES", "read_seed", "show"]

ATTRIBUTES = {
    "security_group_id": "SecurityGroupId",
    "v_switch_id": "VSwitchId",
    "eip_instance_id": "EipInstanceId",
    "resource_group_id": "ResourceGroupId",
    "image_cache_size": "ImageCacheSize",
    "retention_days": "RetentionDays",
    "auto_match_image_cache": "AutoMatchImageCache",
    "flash": "Flash",
    "standard_copy_count": "StandardCopyCount",
    "flash_copy_count": "FlashCopyCount",
    "elimination_strategy": "EliminationStrategy",
    "image_registry_credential": "ImageRegistryCredential",
    "acr_registry_info": "AcrRegistryInfo",
}
"""What a seed calls the parameters of an update."""


def read_seed(document: Mapping[str, Any], *, now: float, key: str) -> Cache:
    """A cache as a seed describes it: in the status given, where it stays.

    Args:
        document: ``region_id``, ``image_cache_name`` and ``images``, and optionally ``image_cache_id``,
            ``status`` (Ready), ``tags`` (an object), ``created_at`` and ``last_matched_at`` (seconds since
            the epoch), ``events`` (objects with type, reason, message, at), ``builds`` (an object: see
            ``cache.Builds``), and those of ``ATTRIBUTES``.
        now: the time.
        key: new; makes the ids that the seed leaves out.

    Raises:
        OrderError: a member is missing, unknown, or not of its type.
        SwitchError: the same of ``builds``.
    """
    members = dict(document)
    status = members.pop("status", "Ready")
    if status not in STATUSES:
        raise OrderError(f"status: one of {', '.join(STATUSES)} expected, {status!r} found")
    built = status in {"Ready", "Updating", "UpdateFailed"}
    cache = Cache(
        image_cache_id=_take(members, "image_cache_id", str, f"imc-{key}"),
        region_id=_take(members, "region_id", str),
        name=_take(members, "image_cache_name", str),
        status=status,
        images=tuple(_texts("images", _take(members, "images", list))),
        tags=tuple((name, str(value)) for name, value in _take(members, "tags", dict, {}).items()),
        created_at=float(_take(members, "created_at", (int, float), now)),
        last_matched_at=members.pop("last_matched_at", None),
        events=tuple(_event(event) for event in _take(members, "events", list, [])),
        attributes={**DEFAULTS, **{ATTRIBUTES[n]: members.pop(n) for n in list(members) if n in ATTRIBUTES}},
        snapshot_id=f"s-{key}" if built else "",
        flash_snapshot_id=f"s-f{key}" if built and document.get("flash") else "",
        container_group_id=f"eci-{key}",
        builds=Builds().changed(_take(members, "builds", dict, {})),
    )
    if members:
        raise OrderError(f"a seed has no member of the name {min(members)!r}")
    return cache


def show(cache: Cache, now: float) -> dict[str, Any]:
    """A cache with what the server knows of it, as observed now; of the updates that wait, their number."""
    names = {api: name for name, api in ATTRIBUTES.items()}
    shown = asdict(cache)
    shown["image_cache_name"] = shown.pop("name")
    shown["queue"] = len(cache.queue)
    if cache.build is not None:
        shown["build"].pop("change")
    shown["images"] = list(cache.images)
    shown["tags"] = dict(cache.tags)
    shown["events"] = [asdict(event) for event in cache.events]
    shown.update((names[api], value) for api, value in shown.pop("attributes").items())
    shown["progress"] = progress(cache, now)
    return shown


def _take(members: dict[str, Any], name: str, kind: Any, default: Any = None) -> Any:
    value = members.pop(name, default)
    if not isinstance(value, kind):
        raise OrderError(f"{name}: {_named(kind)} expected, {value!r} found")
    return value


def _named(kind: Any) -> str:
    return " or ".join(one.__name__ for one in kind) if isinstance(kind, tuple) else str(kind.__name__)


def _texts(name: str, values: list[Any]) -> list[str]:
    if not all(isinstance(value, str) for value in values):
        raise OrderError(f"{name}: texts expected, {values!r} found")
    return values


def _event(document: Any) -> Event:
    try:
        return Event(**document)
    except TypeError:
        raise OrderError(f"events: type, reason, message and at expected, {document!r} found") from None
