"""The sentences of the story, each held against what the servers saw. Must not know how it is told."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ..cloud.cloud import Cloud

__all__ = ["MOST_UPDATES_OF_A_BURST", "broken_sentences"]

MOST_UPDATES_OF_A_BURST = 2


def broken_sentences(
    cloud: Cloud,
    lists: Mapping[str, tuple[str, list[str]]],
    rebuilt: Collection[str],
    single_pushes: int,
    last_push: float,
) -> Iterator[str]:
    """What did not hold.

    Args:
        cloud: on which the story was played.
        lists: id of a cache -> its name, and the list that it has to have.
        rebuilt: ids of the caches that list all that was pushed.
        single_pushes: how many pushes there were before the burst.
        last_push: when it began, in seconds since the epoch.
    """
    for identifier, (name, images) in lists.items():
        updates = cloud.control.history(identifier)
        least = single_pushes + 1 if identifier in rebuilt else 0
        most = single_pushes + MOST_UPDATES_OF_A_BURST if identifier in rebuilt else 0
        if not least <= len(updates) <= most:
            yield f"{name} was updated {len(updates)} times, not {least} to {most}"
        for update in updates:
            if update["kind"] != "rebuild" or list(update["images"]) != images:
                yield f"{name} was sent {update['images']}, not {images}"
        if updates and updates[-1]["started_at"] < last_push:
            yield f"the last update of {name} began before the last push"
        if list(cloud.control.cache(identifier)["images"]) != images:
            yield f"{name} has another list than before"
    outcomes = cloud.outcomes()
    ran = {outcome.get("task_id") for outcome in outcomes}
    promised = {outcome.get("follow_task_id") for outcome in outcomes if outcome["result"] == "deferred"}
    if promised - ran:
        yield f"{len(promised - ran)} of {len(promised)} stored follow tasks did not run"
