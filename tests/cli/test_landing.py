"""Whether what was asked of a cache has come about, by what ECI says of it look by look."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from cli.act.landing import ANOTHER, FAILED, GONE, LANDED, NOT_KNOWN, Landing
from imagecache.model.image_cache import ImageCache
from imagecache.planning.update_memory import with_memory
from imagecache.planning.update_memory_layout import UpdateMemory
from tests.support.for_each import for_each

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
OLD, NEW, OTHER = ("web:v1",), ("web:v2",), ("web:v3",)
STATES = {"R": "Ready", "U": "Updating", "F": "UpdateFailed", "C": "Creating", "X": "Failed"}


def cache(look: str) -> ImageCache | None:
    """As a look says it: the state, the list by its number, and which update it remembers as the last."""
    if look == "gone":
        return None
    state, number, update = (*look, "")[:3]
    found = ImageCache("cn-hangzhou", "imc-1", "web", STATES[state], (f"web:v{number}",))
    if not update:
        return found
    memory = UpdateMemory(NOW + timedelta(minutes=int(update)))
    return found._replace(tags=with_memory(found, memory))


def ended(landing: Landing, looks: str, *, apart: timedelta = timedelta(seconds=10)) -> Any:
    """How watching ends, and after how many looks; None where it does not."""
    for number, look in enumerate(looks.split(), start=1):
        end = landing.look(cache(look), NOW + number * apart)
        if end is not None:
            return end.result, number
    return None


def landing(before: str, images: tuple[str, ...], **members: Any) -> Landing:
    found = cache(before)
    assert found is not None
    return Landing(found, images, **members)


@for_each(
    ("before", "images", "looks", "end"),
    [
        # Rebuilt with its own list: by what it remembers, or by its states.
        ("R11", OLD, "R11 U12 R12", (LANDED, 3)),
        ("R11", OLD, "R11 R12", (LANDED, 2)),
        ("R1", OLD, "R1 U1 U1 R1", (LANDED, 4)),
        ("R1", OLD, "R1 R1", None),
        ("F11", OLD, "F11 F11 U12 R12", (LANDED, 4)),
        ("F11", OLD, "F11 F12", (FAILED, 2)),
        ("R1", OLD, "U1 F1", (FAILED, 2)),
        # Another list.
        ("R11", NEW, "R11 U22 R22", (LANDED, 3)),
        ("R1", NEW, "R2", (LANDED, 1)),
        ("R11", NEW, "U22 R13", (ANOTHER, 2)),
        ("R11", NEW, "U32 R32", (ANOTHER, 2)),
        ("R1", OLD, "U1 gone", (GONE, 2)),
        ("C1", OLD, "C1 X1", (FAILED, 2)),
    ],
)
def test_what_was_accepted_is_watched_to_its_end(
    before: str, images: tuple[str, ...], looks: str, end: Any
) -> None:
    assert ended(landing(before, images), looks) == end


@for_each(
    ("before", "images", "looks", "end"),
    [
        # The update that runs is another one's, and counts for nothing.
        ("U11", OLD, "U11 R11 R11 U12 R12", (LANDED, 5)),
        ("U1", OLD, "U1 R1 U1 R1", (LANDED, 4)),
        ("R1", OLD, "R1 U1 R1", (LANDED, 3)),
        ("U11", OLD, "U11 F11 U12 R12", (LANDED, 4)),
        ("U31", NEW, "U31 R31 U22 R22", (LANDED, 4)),
        ("U31", NEW, "U31 R31 U32 R32", None),
        ("U11", OLD, "U11 R11 F12", (FAILED, 3)),
    ],
)
def test_what_is_deferred_begins_after_what_runs(
    before: str, images: tuple[str, ...], looks: str, end: Any
) -> None:
    assert ended(landing(before, images, deferred=True), looks) == end


@pytest.mark.parametrize(
    ("images", "looks", "end"),
    [
        (OLD, "R1 R1 R1", (NOT_KNOWN, 3)),
        (NEW, "R1 U3 R3 R3 R3", (ANOTHER, 5)),
        (OLD, "F1 F1 F1", (FAILED, 3)),
    ],
)
def test_a_cache_that_stays_quiet_has_nothing_ahead(images: tuple[str, ...], looks: str, end: Any) -> None:
    apart = timedelta(minutes=2)
    assert ended(landing("R1", images, deferred=True), looks, apart=apart) == end
    later = NOW + timedelta(hours=1)
    assert ended(landing("R1", images, deferred=True, until=later), looks, apart=apart) is None
