"""A request to on_manual: what it would do, what it did, and what came of it, cache by cache.

What it would do is asked of the function itself, so it is what it then does as long as nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imagecache.base.reasons import Result
from imagecache.model.image_cache import ImageCache

from ..problem import Problem
from .landing import LANDED, End, Landing
from .on_manual import NotAskedError
from .options import DONE, NOT_DONE, STOPPED
from .session import Session
from .watch import Key, Watch

_ACCEPTED = frozenset({Result.REFRESHED.value, Result.DEFERRED.value})


@dataclass
class Step:
    """One cache in a request.

    Attributes:
        cache: as it was before.
        planned: the record of what would be done.
        answered: the record of what was done; None before.
        unknown: whether it is not known if it was done.
        end: what came of it; None where nothing was watched.
        notes: what a person should know beside.
    """

    cache: ImageCache
    planned: Mapping[str, Any]
    answered: Mapping[str, Any] | None = None
    unknown: bool = False
    end: End | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """Region and id."""
        return self.cache.region_id, self.cache.image_cache_id

    @property
    def would_be_done(self) -> bool:
        """Whether the function would do it."""
        return bool(self.planned["result"] == Result.PLANNED.value)

    @property
    def images(self) -> tuple[str, ...]:
        """The list that it is to have."""
        return tuple(self.planned.get("images_after", self.cache.images))

    @property
    def accepted(self) -> bool:
        """Whether it was begun, or will be."""
        return self.answered is not None and self.answered["result"] in _ACCEPTED

    @property
    def done(self) -> bool:
        """Whether it is as it was to be, as far as that was watched; so is what needed nothing."""
        if self.end is not None:
            return self.end.result == LANDED
        said = self.answered or self.planned
        return self.accepted or said["result"] == Result.UNCHANGED.value


def plan(session: Session, documents: Iterable[Mapping[str, Any]]) -> list[Step]:
    """What requests would do.

    Raises:
        Problem: when the function refuses one, or does not answer.
    """
    steps = []
    for document in documents:
        answer = session.on_manual.ask({**document, "dryRun": True})
        steps += [Step(cache, outcome) for cache, outcome in _of_caches(session, answer.outcomes)]
    return steps


def ask(session: Session, steps: Sequence[Step], documents: Iterable[Mapping[str, Any]]) -> bool:
    """Send requests; each step gets its answer, or a note where there is none.

    Returns:
        Whether a person stopped waiting for an answer.
    """
    why, unknown, stopped = "the function says nothing of it", False, False
    for document in documents:
        # Where one is not answered the others are asked all the same, and what was accepted is watched.
        try:
            answered = _of_caches(session, session.on_manual.ask(document).outcomes)
        except NotAskedError as problem:
            why = f"it was not done: {problem.message}"
            continue
        except Problem as problem:
            why, unknown = f"whether it is done is not known: {problem.message}", True
            continue
        except KeyboardInterrupt:
            why, unknown, stopped = (
                "whether it is done is not known: you stopped before the answer",
                True,
                True,
            )
            break
        for cache, outcome in answered:
            for step in steps:
                if step.key == (cache.region_id, cache.image_cache_id):
                    step.answered = outcome
    for step in steps:
        if step.answered is None:
            step.unknown = unknown
            step.notes.append(why)
    return stopped


def watch(session: Session, steps: Sequence[Step]) -> bool:
    """Watch what was accepted until it has landed; whether a person ended that."""
    waiting = {step.key: _landing(step) for step in steps if step.accepted}
    if not session.acting.wait or not waiting:
        return False
    watching = Watch(session.eci, waiting, session.acting.wait, quiet=session.acting.as_json)
    watching.run()
    for step in steps:
        step.end = watching.ends.get(step.key)
    return watching.stopped


def exit_code(steps: Sequence[Step], *, stopped: bool) -> int:
    """How the command ends."""
    if stopped:
        return STOPPED
    return DONE if all(step.done and not step.notes for step in steps) else NOT_DONE


def _landing(step: Step) -> Landing:
    answered = step.answered or {}
    until = answered.get("until")
    deferred = answered.get("result") == Result.DEFERRED.value
    return Landing(step.cache, step.images, deferred, datetime.fromisoformat(until) if until else None)


def _of_caches(
    session: Session, outcomes: Iterable[Mapping[str, Any]]
) -> list[tuple[ImageCache, Mapping[str, Any]]]:
    known = {(cache.region_id, cache.image_cache_id): cache for cache in session.fleet.caches}
    found = []
    for outcome in outcomes:
        cache = known.get((outcome.get("region_id", ""), outcome.get("image_cache_id", "")))
        if cache is not None:
            found.append((cache, outcome))
        elif outcome["result"] in {Result.REJECTED.value, Result.FAILED.value}:
            raise NotAskedError(f"the function answered {outcome['reason']}: {outcome['message']}")
    return found
