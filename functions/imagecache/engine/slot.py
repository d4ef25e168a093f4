"""A list that waits to be set, or was set and is followed. Must not know tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..model.change import CacheRequest
from ..model.image_cache import MOST_IMAGES, ImageCache
from ..planning.decision import Decision
from ..policy.rules import Rules


class Slot(NamedTuple):
    """A list that waits to be set, or was set and is followed.

    Attributes:
        before: the list that the change found.
        after: the list that it leads to.
        restorable: whether the list before is to be put back if the one after cannot be built.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    restorable: bool = False

    @property
    def gone(self) -> set[str]:
        """The entries that it takes out."""
        return set(self.before) - set(self.after)

    @property
    def new(self) -> set[str]:
        """The entries that it brings."""
        return set(self.after) - set(self.before)

    def is_absent(self, images: tuple[str, ...]) -> bool:
        """Whether a list has all that it takes out, and lacks some of what it brings."""
        return self.gone <= set(images) and not self.new <= set(images)

    def joined_in(self, images: tuple[str, ...], after: tuple[str, ...]) -> bool:
        """Whether other entries join those that it brings, in a list from which it still can be taken back.

        Args:
            images: the list that the cache has.
            after: the one that it is to get.
        """
        known = self.restorable and images in {self.before, self.after} and self.new <= set(after)
        return known and len(self.put_back(after)) <= MOST_IMAGES

    def put_back(self, images: tuple[str, ...]) -> tuple[str, ...]:
        """A list with the entries that it takes out in the place of those that it brings.

        Args:
            images: the list before or after it, or one with all that it brings.
        """
        if images in {self.before, self.after}:
            return self.before
        gone = [entry for entry in self.before if entry in self.gone and entry not in images]
        place = min(images.index(entry) for entry in self.new)
        left = [
            [entry for entry in part if entry not in self.new] for part in (images[:place], images[place:])
        ]
        return (*left[0], *gone, *left[1])


def own_list(cache: ImageCache, decision: Decision, *, own: bool) -> Slot | None:
    """The list that a change sets which no other change shares.

    Args:
        cache: as last read.
        decision: of the change.
        own: whether it is so too where a registry is read, which brings all promotions that wait together.
    """
    change, after = decision.change, decision.images_after
    if isinstance(change, CacheRequest):
        return Slot(cache.images, change.images) if change.images else None
    rule = decision.rule
    # Registries bring no tags into places that a person or a time has to open.
    own = own or change.force or (rule is not None and (rule.approval or rule.min_age_seconds > 0))
    asked = rule is not None and rule.reads_registry and rule.policy.ordered and not own
    return Slot(cache.images, after) if after and after != cache.images and not asked else None


def undone(cache: ImageCache, after: tuple[str, ...], running: Slot) -> Slot:
    """The list that an update puts back, and the one before it; arguments as those of ``watched``."""
    return Slot(running.after if after == running.before else cache.images, after)


def watched(
    cache: ImageCache, wanted: Sequence[Decision], after: tuple[str, ...], running: Slot | None, rules: Rules
) -> Slot | None:
    """The list that an update sets, and the one before it.

    Args:
        cache: as it was read before the update.
        wanted: what the update is for.
        after: the list that it sends.
        running: that of the update that failed, where this one makes it again.
        rules: the rules.
    """
    if running is not None and running.after == after:
        return running
    if running is not None and running.joined_in(cache.images, after):
        # Registries brought other tags into the list that is made again; they stay if it is taken back.
        return Slot(running.put_back(after), after, running.restorable)
    if cache.images == after:
        return None
    restorable = False
    if rules.rules:
        from ..planning.taking_back import can_be_taken_back  # noqa: PLC0415 - rules alone promote

        restorable = can_be_taken_back(cache, after, [decision.change for decision in wanted], rules)
    return Slot(cache.images, after, restorable)
