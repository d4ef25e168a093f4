"""Holds that are set on caches or taken away: shown, done one by one, and looked at again.

A cache that is busy is watched until it is not: the update that ends may have brought along the tags that it
read before the hold was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import click

from imagecache.model.image_cache import ImageCache
from imagecache.planning.hold_tag import read_hold

from ..output import print_json, print_note, print_table, print_text
from ..problem import Problem
from ..sources.fleet import Fleet
from .landing import LANDED, End
from .options import DONE, NOT_DONE, STOPPED
from .session import Session
from .watch import Watch

HELD, RELEASED, NEITHER = "held", "released", "not done"


@dataclass
class Held:
    """One cache that is to be held or released.

    Attributes:
        cache: as it was before.
        before: the tag's value then; None for no tag.
        value: the value that it is to have; None to take the tag away.
        problem: why that cannot be, or went wrong; empty where nothing is.
        result: what came of it; empty before.
    """

    cache: ImageCache
    before: str | None
    value: str | None
    problem: str = ""
    result: str = ""

    @property
    def right(self) -> str:
        """What it is called when it is done."""
        return RELEASED if self.value is None else HELD


class _Settling:
    """Waits until a cache is not busy any more."""

    def look(self, cache: ImageCache | None, now: datetime) -> End | None:
        """What a look shows; None while it is busy."""
        del now
        if cache is not None and not cache.updatable and cache.status != "Failed":
            return None
        return End(LANDED, "", cache)


def show(session: Session, held: Sequence[Held], title: str) -> None:
    """The table of what would be done."""
    if session.acting.as_json:
        return
    print_text(title)
    rows = [
        (
            session.fleet.label(each.cache.region_id, each.cache.image_cache_id),
            each.cache.status,
            _words(each.before),
            each.problem or _words(each.value),
        )
        for each in held
    ]
    print_table(("CACHE", "STATUS", "NOW", "AFTER"), rows)


def set_all(session: Session, held: Sequence[Held]) -> None:
    """Do it, look again where a cache was busy, and end the command."""
    try:
        for each in held:
            if not each.problem:
                _set(session, each)
    except KeyboardInterrupt:
        print_note("you stopped: what has no result was not done")
        finish(session, held, STOPPED)
    busy = {
        (each.cache.region_id, each.cache.image_cache_id): _Settling()
        for each in held
        if each.result == HELD and not each.cache.updatable
    }
    stopped = False
    if busy and session.acting.wait:
        watching = Watch(session.eci, busy, session.acting.wait, quiet=session.acting.as_json)
        watching.run()
        stopped = watching.stopped
        for each in held:
            if (each.cache.region_id, each.cache.image_cache_id) in watching.ends and not stopped:
                _set(session, each)
    wrong = any(each.result != each.right for each in held)
    finish(session, held, STOPPED if stopped else NOT_DONE if wrong else DONE)


def finish(session: Session, held: Sequence[Held], code: int) -> None:
    """Show what came of it, and end with an exit code."""
    if session.acting.as_json:
        document = {
            "at": session.fleet.now.isoformat(),
            "dry_run": session.acting.dry_run,
            "exit_code": code,
            "caches": [_document(each) for each in held],
        }
        print_json(document)
    elif any(each.result for each in held):
        print_text()
        print_table(("CACHE", "RESULT", "HOLD"), [_ended(session.fleet, each) for each in held])
    for each in held:
        if each.problem:
            print_note(each.problem)
    click.get_current_context().exit(code)


def _set(session: Session, each: Held) -> None:
    try:
        if each.value is None:
            session.holds.clear(each.cache)
        else:
            session.holds.set(each.cache, each.value)
    except Problem as problem:
        each.problem, each.result = problem.message, NEITHER
        if problem.remedy:
            each.problem += f". {problem.remedy}"
    else:
        each.result = each.right


def _ended(fleet: Fleet, each: Held) -> tuple[str, ...]:
    now = each.value if each.result == each.right else each.before
    label = fleet.label(each.cache.region_id, each.cache.image_cache_id)
    return label, each.result or NEITHER, _words(now)


def _words(value: str | None) -> str:
    if value is None:
        return "not held"
    hold = read_hold(value)
    over = hold.until is not None and hold.until <= datetime.now(timezone.utc)
    return f"{'frozen' if hold.freeze else 'held'}{hold.says}{', which is over' if over else ''}"


def _document(each: Held) -> dict[str, Any]:
    return {
        "region_id": each.cache.region_id,
        "image_cache_id": each.cache.image_cache_id,
        "image_cache_name": each.cache.name,
        "status": each.cache.status,
        "hold_before": each.before,
        "hold_after": each.value,
        "result": each.result or None,
        "problem": each.problem or None,
    }
