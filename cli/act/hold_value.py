"""The value of the tag of a hold as it is written, and the room for the tag.

What it means is said where the functions read it. A value has at most 128 characters (API documentation of
TagResources). Parts that are not known are kept when the value is written anew.
"""

from __future__ import annotations

import re
from datetime import timezone

from imagecache.base.errors import InputError
from imagecache.base.reasons import Reason
from imagecache.model.image_cache import ImageCache
from imagecache.planning.entry_memory import DIGESTS_TAG, PUSHED_TAG
from imagecache.planning.hold_tag import CacheHold
from imagecache.planning.update_memory import HOLD_TAG, MEMORY_TAG, MOST_TAGS
from imagecache.planning.update_memory_layout import LONGEST_VALUE

_LONGEST_BY = 40


def hold_value(hold: CacheHold) -> str:
    """Write the tag's value; what a person wrote is cut to what there is room for.

    Raises:
        InputError: where the unknown parts leave no room.
    """
    end = hold.until and hold.until.astimezone(timezone.utc).isoformat(timespec="seconds").replace(
        "+00:00", "Z"
    )
    known = [
        f"until={end or hold.unreadable}" if end or hold.unreadable else "",
        "freeze" if hold.freeze else "",
    ]
    by = _clean(hold.by)[:_LONGEST_BY].strip()
    known.append(f"by={by}" if by else "")
    value = ";".join(filter(None, (*known, *hold.others)))
    if len(value) > LONGEST_VALUE:
        rule = f"at most {LONGEST_VALUE} characters"
        message = f"the tag {HOLD_TAG} would have {len(value)} characters; it may have {LONGEST_VALUE}"
        raise InputError(Reason.SCHEMA_VIOLATION, message, where=HOLD_TAG, rule=rule, found=value)
    room = max(0, LONGEST_VALUE - len(value) - len(";"))
    why = f"why={_clean(hold.why)}"[:room].strip()
    return ";".join(filter(None, (value, why if len(why) > len("why=") else "")))


def room_for_hold(cache: ImageCache) -> tuple[str, ...]:
    """The keys of our own tags that have to go before the hold can be set, those of least worth first.

    Raises:
        InputError: where all tags that a cache may have are the user's own.
    """
    known = dict(cache.tags)
    if HOLD_TAG in known or len(known) < MOST_TAGS:
        return ()
    for key in (DIGESTS_TAG, PUSHED_TAG, MEMORY_TAG):
        if key in known:
            return (key,)
    raise InputError(
        Reason.SCHEMA_VIOLATION,
        f"image cache {cache.image_cache_id} has {len(known)} tags of its own, and no more fit: "
        f"take one of them away, and set {HOLD_TAG} again",
        where=HOLD_TAG,
        rule=f"at most {MOST_TAGS} tags",
        found=f"{len(known)} tags",
    )


def _clean(text: str) -> str:
    """A person's text without what divides parts, and without ``http://``, which the API does not take."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text.replace(";", ","))
    return re.sub("//+", "/", printable).strip()
