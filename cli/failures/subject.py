"""What the event of a failed invocation is about, read as its entry point reads it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from imagecache.base.errors import InputError
from imagecache.engine.follow_message import read_message
from imagecache.model.change import Change, Notice, Probe, PushEvent
from imagecache.triggers.event_bus import read_event_bus
from imagecache.triggers.sources import Delivery


@dataclass(frozen=True)
class Subject:
    """What an event is about.

    Attributes:
        text: in words.
        images: that were pushed.
        event_ids: the ids of the events in it, as records have them.
        image_cache_id: the cache that it is for, if it is for one.
    """

    text: str
    images: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    image_cache_id: str = ""


NOTHING = Subject("")
"""Of a message without an event."""


def subject_of(door: str, payload: bytes, at: datetime) -> Subject:
    """What an event is about.

    Args:
        door: the entry point that it is for.
        payload: the event.
        at: when it failed, with a zone.
    """
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return Subject("an event that is not JSON")
    read: dict[str, Callable[[Any, datetime], Subject]] = {
        "on_push": _push,
        "on_follow": _follow,
        "on_timer": _timer,
        "on_manual": _manual,
    }
    try:
        return read[door](document, at) if door in read else Subject("an event of another application")
    except InputError as error:
        return Subject(f"an event that cannot be read: {error}")


def _push(document: Any, at: datetime) -> Subject:
    items = read_event_bus(document, Delivery(at, ""))
    texts, images, ids = [], [], []
    for item in items:
        if not isinstance(item, Probe):
            ids.append(item.event_id)
        if isinstance(item, Notice):
            texts.append(f"an event of {item.source or 'an unknown source'} that is no readable push")
        elif isinstance(item, PushEvent):
            images.append(item.image)
            texts.append(f"push of {item.image}")
    known = tuple(dict.fromkeys(filter(None, ids)))
    return Subject("; ".join(dict.fromkeys(texts)), tuple(dict.fromkeys(images)), known)


def _follow(document: Any, _at: datetime) -> Subject:
    task = read_message(document)
    change = task.change
    images = (change.image,) if isinstance(change, PushEvent) else ()
    about = f"for {task.image_cache_id}" if task.image_cache_id else ""
    words = {"again": "update", "watch": "look", "change": "rest"}
    text = f"{words[task.job.value]} of {_change(change)} {about}".strip()
    return Subject(text, images, (change.event_id,), task.image_cache_id)


def _change(change: Change) -> str:
    return (
        f"the push of {change.image}"
        if isinstance(change, PushEvent)
        else f"a request ({change.reason.value})"
    )


def _timer(document: Any, _at: datetime) -> Subject:
    members = document if isinstance(document, dict) else {}
    name, moment = members.get("triggerName"), members.get("triggerTime")
    ids = (f"{name}@{moment}",) if isinstance(name, str) and isinstance(moment, str) else ()
    return Subject(f"the timer {name} of {moment}", event_ids=ids)


def _manual(document: Any, _at: datetime) -> Subject:
    members = document if isinstance(document, dict) else {}
    if isinstance(members.get("body"), str):
        return Subject("a person's request over HTTP")
    image, cache = members.get("image"), members.get("imageCacheId")
    if isinstance(image, str):
        return Subject(f"a person's request: {image} was pushed", (image,))
    if isinstance(cache, str):
        return Subject(f"a person's request for {cache}", image_cache_id=cache)
    return Subject("a person's request")
