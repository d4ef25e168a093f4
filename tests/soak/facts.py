"""What the oracle is told, and what it says. Pure, and no word of the library's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Cache", "Claim", "Finding", "GivenUp", "Kind", "Push", "Update"]


@dataclass(frozen=True)
class Push:
    """An image was pushed.

    Attributes:
        event_id: of the event that tells it; duplicates have the same.
        image: its name, the same for all forms in which a cache may list it.
        at: when, in seconds since the epoch.
        told: how often it was sent.
        exact: whether the event tells when; else it counts as pushed when it arrives, or at its second's end.
    """

    event_id: str
    image: str
    at: float
    told: int = 1
    exact: bool = True


@dataclass(frozen=True)
class Cache:
    """An image cache, from its creation and from its end.

    Attributes:
        image_cache_id: its id.
        listed: the list that it was created with, as written.
        images: the names of the images that a push can make stale; what it pins by digest is not among them.
        listed_at_end: the list in the end.
        status: in the end.
        remembers: whether it can keep a tag that says when its last update began.
        joined: whether Function Compute tells that a task is stored already, so that those who wait share it.
        copies: how often each task is given.
    """

    image_cache_id: str
    listed: tuple[str, ...]
    images: frozenset[str]
    listed_at_end: tuple[str, ...]
    status: str
    remembers: bool = True
    joined: bool = True
    copies: int = 1


@dataclass(frozen=True)
class Update:
    """An update that ECI accepted.

    Attributes:
        image_cache_id: of the cache.
        kind: ``rebuild``, or anything else where no images were pulled.
        started_at: in seconds since the epoch.
        ended_at: likewise; None while it is under way.
        status: that it left; None while it is under way.
        images: the list that it built.
    """

    image_cache_id: str
    kind: str
    started_at: float
    ended_at: float | None
    status: str | None
    images: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A record that says that a cache has a push and is Ready.

    Attributes:
        image_cache_id: of the cache.
        event_id: of the push.
        at: when it was said, in seconds since the epoch.
    """

    image_cache_id: str
    event_id: str
    at: float


@dataclass(frozen=True)
class GivenUp:
    """An event that nobody will try again, and anybody can see.

    A dead letter, a refused sender, or ECI's word that the cache needs no update.

    Attributes:
        event_id: of the push.
        image_cache_id: the one cache that it was given up for; empty for all.
    """

    event_id: str
    image_cache_id: str = ""


class Kind(Enum):
    """What can be wrong."""

    STALE = "a push is missing from a cache"
    NOT_READY = "a cache did not end Ready"
    LIST_CHANGED = "a list was changed, or not sent"
    UNINVOLVED = "a cache was updated that lists nothing that was pushed"
    UNBOUNDED = "a cache was updated more often than its pushes and failures explain"
    FALSE_CLAIM = "a record says that a push landed, and it had not"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it has to be.

    Attributes:
        kind: what.
        image_cache_id: where.
        image: the name of the image, where it is about one.
        text: for a person.
        explained: everything that it can come from was given up visibly, or the cache has a stored task that
            waits for a later time, so nothing was lost in silence.
    """

    kind: Kind
    image_cache_id: str
    image: str
    text: str
    explained: bool = False
