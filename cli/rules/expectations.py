"""What pushes have to do to caches, from a file: for the check of a repository that keeps rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imagecache.base.json_input import shown
from imagecache.base.reasons import Hold, Reason
from imagecache.base.timestamps import Moment
from imagecache.planning.plan import decide
from imagecache.policy.rules import Rules

from ..problem import Problem
from ..pushes.plan import push_of
from ..sources.files import read_document
from ..sources.fleet import Fleet
from ..wording import names_of

_WANTS = (
    "want is a reason such as TAG_PROMOTED, POLICY_HOLDS or NO_MATCH, why a tag is held such as older, or "
    "the list that the cache then has."
)
_KEYS = frozenset({"image", "cache", "want"})


@dataclass(frozen=True)
class Checked:
    """One expectation, and what the rules do.

    Attributes:
        image: that is pushed.
        cache: an id or a name.
        want: a reason, why a tag is held, or a list of images.
        reason: the decision's, ``NO_MATCH`` where the cache is not concerned.
        held_because: why the tag is held; empty if it is not.
        images: the list that the cache then has.
    """

    image: str
    cache: str
    want: str | tuple[str, ...]
    reason: str
    held_because: str
    images: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether it is so."""
        return (
            self.images == self.want
            if isinstance(self.want, tuple)
            else self.want in {self.reason, self.held_because}
        )

    @property
    def want_text(self) -> str:
        """What was wanted, for a table."""
        return self.want if isinstance(self.want, str) else "\n".join(self.want)

    @property
    def found_text(self) -> str:
        """What was found, in the same form."""
        if isinstance(self.want, tuple):
            return "\n".join(self.images)
        return f"{self.reason} {self.held_because}".strip()

    def as_document(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "image": self.image,
            "cache": self.cache,
            "want": self.want if isinstance(self.want, str) else list(self.want),
            "met": self.met,
            "reason": self.reason,
            "held_because": self.held_because or None,
            "images": list(self.images),
        }


def check_expectations(name: str, fleet: Fleet, rules: Rules) -> Sequence[Checked]:
    """Every expectation of a file, beside what a push would do.

    What counts is the decision, not whether the cache takes an update at this moment.

    Args:
        name: of the file.
        fleet: the caches.
        rules: the rules.

    Raises:
        Problem: when the file holds something else, or names an image or a cache that does not exist.
    """
    at = Moment(fleet.now)
    checked = []
    for number, item in enumerate(_read(name)):
        image, cache_name, want = _members(item, f"{name}: expectation {number + 1}")
        cache = fleet.find(cache_name)
        decision = decide(cache, push_of(image, at.now), at, rules)
        checked.append(
            Checked(
                image,
                cache_name,
                want,
                decision.reason.value if decision else Reason.NO_MATCH.value,
                decision.hold.value if decision and decision.hold else "",
                (decision.images_after if decision else ()) or cache.images,
            )
        )
    return checked


def _read(name: str) -> list[Any]:
    document = read_document(name, _WANTS)
    if not isinstance(document, list):
        raise Problem(f'{name} is no list of {{"image", "cache", "want"}}', _WANTS)
    return document


def _members(item: Any, where: str) -> tuple[str, str, str | tuple[str, ...]]:
    if not isinstance(item, dict) or set(item) != _KEYS:
        found = f"keys {shown(', '.join(item))}" if isinstance(item, dict) else "no object"
        raise Problem(f"{where} needs the keys image, cache and want, and no others; found {found}", _WANTS)
    image, cache, want = item["image"], item["cache"], item["want"]
    if not isinstance(image, str) or not isinstance(cache, str):
        raise Problem(f"{where}: image and cache are texts", _WANTS)
    if isinstance(want, list) and all(isinstance(each, str) for each in want):
        return image, cache, tuple(want)
    known = [*(reason.value for reason in Reason), *(hold.value for hold in Hold)]
    if want not in known:
        from difflib import get_close_matches  # noqa: PLC0415 - only to explain a mistake

        close = get_close_matches(want, known, n=3) if isinstance(want, str) else []
        meant = f" Did you mean {names_of(close)}?" if close else ""
        raise Problem(f"{where}: want {shown(want)} is not known", _WANTS + meant)
    return image, cache, want
