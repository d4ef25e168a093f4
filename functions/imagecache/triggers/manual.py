"""A manual request: an image to treat as pushed, or caches to rebuild, perhaps with a new list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..base.errors import InputError
from ..base.json_schema import validate
from ..base.reasons import Reason
from ..model.change import MANUAL, CacheRequest, Item, PushEvent
from ..model.reference import parse_reference
from ..model.registry_identity import registry_identity
from ..model.selector import CacheSelector, read_selector
from .invocation import Invocation
from .probe import is_probe, read_probe


def read_manual(document: Any, invocation: Invocation) -> list[Item]:
    """The change that a manual request asks for, or an operator's probe.

    Raises:
        InputError: when it breaks its schema, names a region that is not looked after, or a reference is
            invalid.
    """
    if is_probe(document):
        return [read_probe(document)]
    validate(document, "manual-request")
    invocation.check_regions([document.get("regionId")], "/regionId")
    if "image" in document:
        return [_push(document, invocation)]
    images = tuple(document["images"]) if "images" in document else None
    for image in images or ():
        parse_reference(image)
    selector, single = _selector(document)
    invocation.check_regions(selector.regions, "/caches/regions")
    request = CacheRequest(
        source=MANUAL,
        event_id=invocation.request_id,
        reason=Reason.LIST_CHANGED if images else Reason.REBUILD_REQUESTED,
        selector=selector,
        images=images,
        if_images=tuple(document["ifImages"]) if "ifImages" in document else None,
        region_id=document.get("regionId"),
        force=document.get("force", False),
        dry_run=document.get("dryRun", False),
        single=single,
        asked_at=invocation.arrived,
    )
    return [request]


def _push(document: Mapping[str, Any], invocation: Invocation) -> PushEvent:
    reference = parse_reference(document["image"])
    if reference.digest and not reference.tag:
        raise InputError(
            Reason.INVALID_REFERENCE,
            "the image is named by digest only; caches match by tag",
            where="/image",
            rule="names a tag",
            found=str(reference),
        )
    return PushEvent(
        source=MANUAL,
        event_id=invocation.request_id,
        registry=registry_identity(reference.host),
        repository=reference.repository,
        tag=reference.effective_tag,
        digest=reference.digest,
        pushed_at=invocation.arrived,
        region_id=document.get("regionId"),
        dry_run=document.get("dryRun", False),
        force=document.get("force", False),
    )


def _selector(document: Mapping[str, Any]) -> tuple[CacheSelector, bool]:
    if "imageCacheId" in document:
        return CacheSelector(ids=(document["imageCacheId"],)), True
    if "imageCacheName" in document:
        return CacheSelector(exact_name=document["imageCacheName"]), True
    return read_selector(document["caches"]), False
