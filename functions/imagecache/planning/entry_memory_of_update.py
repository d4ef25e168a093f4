"""What an update gives its cache to remember of the entries. Pure.

A digest is noted only if it is certain that a push which could have replaced it is not covered by this
update: the registry was asked after the update's start, or the push is so young that any other one counts as
later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ..base.timestamps import Moment
from ..model.change import PushEvent
from ..policy.list_entries import entries_of
from ..policy.rules import Rules
from .entry_memory import Notes
from .plan import Decision


def notes_of(wanted: Sequence[Decision], asked: Mapping[str, str], at: Moment, rules: Rules) -> Notes:
    """The notes of an update.

    Args:
        wanted: the decisions that it serves; each has the list that is sent.
        asked: entry -> digest, as registries answered after the update's start.
        at: the update's start, and how far the registries' clocks may be off.
        rules: the rules.
    """
    reported: dict[tuple[str, str, str], set[str | None]] = {}
    pushed: dict[tuple[str, str], datetime] = {}
    for decision in wanted:
        push = decision.change
        if not isinstance(push, PushEvent):
            continue
        registry = rules.identity(push.registry)
        young = push.dated and push.pushed_at is not None and at.now <= push.pushed_at + at.skew
        digests = reported.setdefault((registry, push.repository, push.tag), set())
        digests.add(push.digest if young else None)
        if decision.rule is not None and decision.rule.policy.type == "any" and push.pushed_at is not None:
            key = (registry, push.repository)
            pushed[key] = max(push.pushed_at, pushed.get(key, push.pushed_at))
    certain = {key: digests for key, digests in reported.items() if len(digests) == 1 and None not in digests}
    noted = dict(asked)
    for entry in entries_of(wanted[-1].images_after, rules) if certain else ():
        digests = certain.get(entry.place, set())
        if not entry.pinned and entry.text not in noted:
            noted.update((entry.text, digest) for digest in digests if digest is not None)
    return Notes(noted, pushed)
