"""The judge of how a story ended.

Each cache is fresh, or somebody was told why not; what was said to come later came; lists lost no entry;
nobody paid for more updates than there were reasons for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imagecache.base.reasons import Reason, Result
from imagecache.config.settings import FollowSettings
from imagecache.engine.records import RETRIED
from tests.laws.failing import DAY
from tests.laws.small_cloud import HOST
from tests.laws.storms import untrue
from tests.laws.world import APP, BAD, BUILDS, World

__all__ = ["complaints"]

_TOGETHER = 5.0
"""Pushes that are stated with clocks two seconds off each way have no order within so many seconds."""
_STEM = re.compile(f"({APP}|{BUILDS}):.*")
_REBUILDS = FollowSettings().rebuilds
_MOST_REPAIRS_A_DAY = 12
"""Updates of a failing cache, whatever arrives (L5)."""


def complaints(world: World) -> list[str]:
    """What is wrong at the end of a story."""
    return _Judge(world).complaints()


@dataclass(frozen=True)
class _Judge:
    world: World

    def complaints(self) -> list[str]:
        """What is wrong at the end."""
        found = (
            [f"{untrue(self.world.cloud)} records promise tasks that did not run"]
            if untrue(self.world.cloud)
            else []
        )
        found += [f"nothing was recorded of the change {each}" for each in self.world.unrecorded]
        if self.world.cloud.runs_of[self.world.never_made]:
            found.append("a cache that was never made has tasks")
        for identifier in self.world.cloud.eci.caches:
            found += self._stale(identifier)
            found += self._too_many(identifier)
            found += self._odd_lists(identifier) + self._bad(identifier) + self._overtaken(identifier)
            found += self._untold(identifier) + self._tries(identifier)
        return found

    def _stale(self, identifier: str) -> list[str]:
        cache = self.world.cloud.eci.cache(identifier)
        updates = self.world.cloud.eci.updates[identifier]
        last = updates[-1].at if updates and cache.status == "Ready" else 0.0
        # An update that a listing does not show yet is still starting, and pulls its images after the push.
        last += self.world.eci.get("listing_lag_seconds", 0.0)
        named, at_cache = self._told(identifier)
        stale = []
        for change_id, (at, event) in self.world.pushes.items():
            if event.image not in cache.images or last >= at or change_id in named:
                continue
            if not any(when >= at for when in at_cache):
                lacks = f"{identifier} ({cache.status}) lacks {event.image} of {at}"
                stale.append(f"{lacks}, and nobody was told")
        return stale

    def _told(self, identifier: str) -> tuple[set[str], list[float]]:
        """The changes of which somebody was told that they are not done, and when that was of this cache."""
        named, at_cache = set(self.world.undelivered), []
        for record in self.world.cloud.seen:
            failed = record["result"] == Result.FAILED.value and (
                record.get("fate") != RETRIED or "attempt" in record
            )
            refused = record["reason"] == Reason.NO_NEED_UPDATE.value
            if failed:
                named.add(record.get("change_id", ""))
            if (failed or refused) and record.get("image_cache_id") == identifier:
                at_cache.append(record["at"])
        return named, at_cache

    def _too_many(self, identifier: str) -> list[str]:
        updates = self.world.cloud.eci.updates[identifier]
        failed = sum(update.was == "UpdateFailed" for update in updates)
        copies = self._most_for_a_reason()
        days = 1 + int((updates[-1].at - updates[0].at) / DAY) if updates else 0
        repairs = min(failed, copies * _MOST_REPAIRS_A_DAY * days)
        # What a fault ended is tried again, and each of its tasks is stored once more.
        bound = copies * (self.world.reasons[identifier] + self.world.faults) + repairs + 1
        if len(updates) <= bound:
            return []
        why = f"{self.world.reasons[identifier]} reasons, {failed} after failures, {self.world.faults} faults"
        return [f"{identifier}: {len(updates)} updates, {bound} at most for {why}"]

    def _most_for_a_reason(self) -> int:
        """Where tasks do not share ids, or run twice, each of some looks may ask for an update of its own."""
        fc = self.world.fc
        if "task_copies" in fc:
            # Runs see different states: of each of the first four looks, both may.
            return 8
        return 1 if fc.keys() <= {"async_delay"} else 2

    def _bad(self, identifier: str) -> list[str]:
        """A version that cannot be built is not left in a list that was Ready before it."""
        cache, updates = self.world.cloud.eci.cache(identifier), self.world.cloud.eci.updates[identifier]
        bad = f"{HOST}/{APP}:{BAD}"
        first = next((update for update in updates if bad in update.images), None)
        by_person = identifier in self.world.by_person | self.world.wanted_as_is
        # Without a memory nothing tells another policy's change of the list from a person's.
        memory = self.world.remembers and self.world.eci.get("tags_after_failure") != "restore"
        memory = memory and identifier not in self.world.forgotten
        seen = self.world.cloud.seen
        gave_up = {one.get("image_cache_id") for one in seen if one["reason"] == Reason.GAVE_UP.value}
        undisturbed = (
            not self.world.faults
            # Where three pushes of it failed one after another for a day, that was told.
            and identifier not in gave_up
            and not self.world.fc
            and not by_person
            and (memory or not self.world.builds)
        )
        if bad in cache.images and first is not None and first.was == "Ready" and undisturbed:
            return [f"{identifier} is left with {bad}"]
        return []

    def _overtaken(self, identifier: str) -> list[str]:
        """Of tags without an order the one that was pushed last is listed."""
        pushed = [(at, event) for at, event in self.world.pushes.values() if event.repository == BUILDS]
        listed = [
            one
            for one in self.world.cloud.eci.cache(identifier).images
            if one.startswith(f"{HOST}/{BUILDS}:")
        ]
        # One that is told of once more comes as the last one, where the cache does not remember it.
        disturbed = (
            self.world.faults
            or self.world.fc
            or identifier in self.world.by_person
            or BUILDS in self.world.repeated
        )
        # Nor does it remember that a tag that it lists was pushed again while another one waited; where ECI
        # has nothing to update for that, no cache does.
        twice = len({event.tag for _, event in pushed}) < len(pushed)
        unmade = self.world.eci.get("no_need_update") == "ready"
        # And where it waited for hours to be tried again, seconds between pushes do not show any more.
        failed = any(update.was == "UpdateFailed" for update in self.world.cloud.eci.updates[identifier])
        forgets = not self.world.remembers or identifier in self.world.forgotten
        disturbed = disturbed or ((twice or failed) and forgets) or (twice and unmade)
        if not pushed or not listed or disturbed:
            return []
        last, event = max(pushed, key=lambda one: one[0])
        again = sum(one.tag == event.tag for _, one in pushed) > 1
        said = {one["result"] for one in self.world.cloud.seen if one.get("change_id") == event.change_id}
        if again and said == {Result.DEFERRED.value}:
            # README: it shared its task with other pushes, whose update says nothing of its tag.
            return []
        together = [one for at, one in pushed if at >= last - _TOGETHER]
        named, _ = self._told(identifier)
        if any(one.image == listed[0] or one.change_id in named for one in together):
            return []
        return [f"{identifier} lists {listed[0]}, and {event.image} was pushed last, at {last}"]

    def _untold(self, identifier: str) -> list[str]:
        """Of an update that ended Ready it is told that it did, or that its chain had come to its end before.

        Where nothing shows that it ended, that is told.
        """
        updates = self.world.cloud.eci.updates[identifier]
        if not updates or self.world.cloud.eci.cache(identifier).status != "Ready":
            return []
        last, seen = updates[-1].at, self.world.cloud.seen
        told = [one for one in seen if one["result"] == Result.LANDED.value]
        unchanged = [one for one in seen if one["result"] == Result.UNCHANGED.value]
        told += [one for one in unchanged if one["cache_status"] == "Ready"]
        told += [one for one in seen if one["reason"] == Reason.GAVE_UP.value]
        if not self.world.cloud.eci.switches.show_events:
            # Somebody may have taken away the tag that would have shown it.
            told += [one for one in seen if "is not to be seen in the cache" in one["message"]]
        if any(one.get("image_cache_id") == identifier and one["at"] > last for one in told):
            return []
        return [f"{identifier}: nobody told that the update of {last} ended Ready"]

    def _tries(self, identifier: str) -> list[str]:
        """A failing update is made again as often as the setting says, and then somebody is told."""
        told = [
            int(times.group(1))
            for one in self.world.cloud.seen
            if one.get("image_cache_id") == identifier
            and (times := re.search(r"UpdateFailed after (\d+) repetitions", one["message"]))
        ]
        return [f"{identifier}: made again {times} times" for times in told if times > _REBUILDS]

    def _odd_lists(self, identifier: str) -> list[str]:
        if identifier in self.world.by_person:
            return []
        updates = self.world.cloud.eci.updates[identifier]
        stems = [tuple(_STEM.sub("", image) for image in update.images) for update in updates]
        return [f"{identifier}: an update lost or gained an entry: {updates}"] if len(set(stems)) > 1 else []
