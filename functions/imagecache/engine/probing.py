"""The answer to an operator's probe: what this function can reach, with its own role. No cache is touched."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from ..base.errors import CredentialsError, EciError, HandOffError, RegistryError
from ..base.reasons import Reason
from ..model.change import Probe
from ..model.image_cache import ImageCache
from ..policy.list_entries import entries_of
from .work import Work

_MOST_REGISTRIES = 10
_LONGEST_TEXT = 300
_NO_CACHE = "imc-0000000000000000probe"
"""Has the form of an id of an image cache and is none: why an update of it is refused tells of the right."""

Facts = dict[str, Any]


def answer_probe(work: Work, probe: Probe) -> tuple[str, Facts]:
    """The message and the facts of the record.

    Args:
        work: what this invocation works with.
        probe: the question.
    """
    now = work.now().now
    facts: Facts = {"clock": now.isoformat()}
    message = "the function answers; no image cache was touched"
    if probe.due is not None:
        early = round((probe.due - now).total_seconds(), 3)
        facts |= {"due": probe.due.isoformat(), "early_seconds": early}
        message = f"the stored probe ran {abs(early)} s {'before' if early > 0 else 'after'} its time"
    caches: list[ImageCache] = []
    if probe.checks & {"image_caches", "registries"}:
        facts["regions"] = [_region(work, region_id, caches) for region_id in work.settings.regions]
    if "image_caches" in probe.checks:
        facts["update"] = _update(work)
    if "registries" in probe.checks:
        facts["registries"] = list(_registries(work, caches))
    if "hand_off" in probe.checks:
        facts["hand_off"] = _hand_off(work, probe)
    return message, {"source": "probe", "event_id": probe.probe_id, "probe": facts}


def _region(work: Work, region_id: str, caches: list[ImageCache]) -> Facts:
    """Lists a region; what is listed is added to ``caches``."""
    found = _tried(lambda: work.eci.list_image_caches(region_id))
    if not isinstance(found, dict):
        caches += found
        found = {"caches": len(found)}
    return {"region_id": region_id, **found}


def _update(work: Work) -> Facts:
    """What an update of a cache that does not exist is answered with: a refusal that is not one of rights."""
    if work.settings.dry_run:
        return {"error": "not asked, as IMC_DRY_RUN is set"}
    request = {"RegionId": work.settings.regions[0], "ImageCacheId": _NO_CACHE, "Image": ["probe"]}
    found = _tried(lambda: work.eci.update_image_cache(request))
    return found if isinstance(found, dict) else {"accepted": True}


def _registries(work: Work, caches: Iterable[ImageCache]) -> Iterator[Facts]:
    """Reads one repository of each registry that a rule wants to be read."""
    rules, seen = work.settings.rules, dict[str, str]()
    for cache in caches:
        for entry in entries_of(cache.images, rules):
            rule = rules.rule_for(cache, *entry.place)
            if rule is not None and rule.reads_registry:
                seen.setdefault(*entry.place[:2])
    for registry, repository in list(seen.items())[:_MOST_REGISTRIES]:
        place = {"registry": registry, "repository": repository}
        try:
            tags = work.clients.registries.tags(registry, repository)
        except (CredentialsError, RegistryError) as error:
            yield {**place, "error": str(error)[:_LONGEST_TEXT]}
        else:
            yield {**place, "tags": len(tags)}


def _hand_off(work: Work, probe: Probe) -> Facts:
    """Stores a task twice under one id: which signature is taken, and what becomes of the second."""
    if not work.hand_off.enabled:
        return {"error": "IMC_FOLLOW_FUNCTION is not set, so nothing can be stored"}
    due = work.now().now + timedelta(seconds=probe.delay_seconds)
    payload = json.dumps({"probe": {"id": probe.probe_id, "due": due.isoformat()}}).encode("ascii")
    task_id = f"probe-{probe.probe_id}"
    facts: Facts = {"task_id": task_id, "due": due.isoformat()}
    began = time.monotonic()
    try:
        store = work.clients.task_store
        for turn in ("first", "second"):
            facts[turn] = store.store(payload, task_id=task_id, delay_seconds=probe.delay_seconds).value
    except (CredentialsError, HandOffError) as error:
        return {**facts, "error": str(error)[:_LONGEST_TEXT]}
    return {**facts, "signature": store.signature, "seconds": round(time.monotonic() - began, 3)}


def _tried(call: Callable[[], Any]) -> Any:
    """What a call to ECI gives, or as facts why it gives nothing."""
    try:
        return call()
    except CredentialsError as error:
        return {"reason": Reason.CREDENTIALS_MISSING.value, "error": str(error)[:_LONGEST_TEXT]}
    except EciError as error:
        code = {"code": error.code} if error.code else {}
        return {"reason": error.reason.value, **code, "error": error.message[:_LONGEST_TEXT]}
