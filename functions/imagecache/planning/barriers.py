"""What keeps back an update that is wanted: a hold on the cache, a tag's age, an approval that is missing.

Pure. It must not know decisions: it is asked while one is made.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from ..base.reasons import Reason
from ..model.change import Change, PushEvent
from ..model.image_cache import ImageCache
from ..policy.rules import Rule
from .update_memory import HOLD_TAG

if TYPE_CHECKING:
    from .hold_tag import CacheHold


class Barrier(NamedTuple):
    """Why an update is not made, one sentence, and until when if that is known."""

    reason: Reason
    message: str
    until: datetime | None = None


def hold_on(cache: ImageCache, now: datetime) -> CacheHold | None:
    """The hold on a cache; None where there is none, or it is over."""
    value = next((value for key, value in cache.tags if key == HOLD_TAG), None)
    if value is None:
        return None
    from .hold_tag import read_hold  # noqa: PLC0415 - few caches are held

    hold = read_hold(value)
    return hold if hold.until is None or hold.until > now else None


def hold_barrier(cache: ImageCache, change: Change, now: datetime, *, new_list: bool) -> Barrier | None:
    """The hold that keeps an update back, or None.

    A hold keeps the list as it is: it can still be rebuilt, unless the hold freezes the cache. What a person
    asks for needs ``force`` in any case.

    Args:
        cache: as described.
        change: what asks for the update.
        now: the time.
        new_list: whether the update would set another list.
    """
    hold = hold_on(cache, now)
    if hold is None or change.force or not (new_list or hold.freeze or change.by_person):
        return None
    despite = "; force does it all the same" if change.by_person else ""
    return Barrier(Reason.HELD, f"the cache is held{hold.says}{despite}", hold.until)


def age_barrier(push: PushEvent, rule: Rule, pushed_at: datetime, now: datetime) -> Barrier | None:
    """The age that a tag still has to come to, or None."""
    if not rule.min_age_seconds or push.force:
        return None
    end = pushed_at + timedelta(seconds=rule.min_age_seconds)
    if end <= now:
        return None
    old = f"{rule.min_age_seconds} s old, at {end.isoformat()}"
    message = f"rule {rule.name} lets {push.tag} in when it is {old}"
    return Barrier(Reason.TOO_YOUNG, message, end)


def approval_barrier(push: PushEvent, rule: Rule) -> Barrier | None:
    """The approval that a promotion lacks, or None."""
    if not rule.approval or push.force:
        return None
    message = f"rule {rule.name} lets {push.tag} in when a person approves the list: see images_after"
    return Barrier(Reason.APPROVAL_NEEDED, message)
