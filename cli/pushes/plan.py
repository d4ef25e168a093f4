"""``imc-refresh plan``: what a push would do, cache by cache, and which caches it would miss by little."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from imagecache.base.errors import InputError
from imagecache.base.reasons import Result
from imagecache.base.timestamps import Moment
from imagecache.engine.records import Outcome
from imagecache.model.change import PushEvent
from imagecache.model.reference import parse_reference
from imagecache.model.registry_identity import registry_identity
from imagecache.policy.list_entries import entries_of
from imagecache.policy.rules import Rule, Rules

from ..output import json_option, print_json, print_note, print_table, print_text
from ..problem import Problem
from ..sources.fleet import CacheSource, Fleet, reads_caches
from ..sources.rules_file import read_rules_file, rules_option, without_registries
from ..wording import legend, moment_text, policy_text
from .near import near_of
from .rehearsal import Rehearsed, rehearse

_ORDER = (Result.REFRESHED, Result.DEFERRED, Result.FAILED, Result.UNCHANGED, Result.IGNORED)
_KEYS = (
    *("region_id", "image_cache_id", "image_cache_name", "cache_status", "result", "reason", "held_because"),
    *("message", "rule", "until", "next_look", "images_before", "images_after"),
)
_EXAMPLES = """\b
Examples:
  imc-refresh plan registry.cn-hangzhou.aliyuncs.com/shop/web:v1.4.0 --caches caches.json --rules rules.json
  imc-refresh plan nginx:1.27 --region cn-hangzhou --json"""


@click.command("plan", epilog=_EXAMPLES)
@click.argument("image")
@reads_caches
@rules_option
@json_option
def command(image: str, source: CacheSource, rules_file: str | None, *, as_json: bool) -> None:
    """Show what a push of IMAGE would do to each image cache, and why.

    Without --caches the caches are those of the account. IMAGE may have a digest behind its tag. Nothing is
    changed.
    """
    given = read_rules_file(rules_file)
    rules, asking = without_registries(given)
    fleet = source.read()
    push = push_of(image, fleet.now)
    rehearsed = rehearse(fleet.listings, [push], rules, fleet.now)
    fleet.say_notes()
    notes = [
        f"rule {name} reads the registry: what else it has there may change the list further"
        for name in asking
        if any(outcome.get("rule") == name for outcome in rehearsed.outcomes)
    ]
    for note in notes:
        print_note(note)
    near = near_of(fleet.listings, push, rules, Moment(fleet.now))
    if as_json:
        print_json(
            {**_document(push, fleet, rules, rehearsed), "near": near, "notes": [*fleet.notes, *notes]}
        )
    else:
        _print(push, fleet, rules, rehearsed)
        shown = {outcome["image_cache_id"] for outcome in rehearsed.outcomes if _changes(outcome)}
        _print_near(fleet, [miss for miss in near if miss["image_cache_id"] not in shown])


def push_of(image: str, now: datetime) -> PushEvent:
    """The event of a push of an image now.

    Args:
        image: the reference.
        now: the time.

    Raises:
        Problem: when it is not one that a push can have.
    """
    try:
        reference = parse_reference(image)
        registry = registry_identity(reference.host)
    except InputError as error:
        raise Problem(error.message, "An image is [HOST/]PATH[:TAG][@DIGEST].") from None
    if reference.digest and not reference.tag:
        raise Problem(f"{reference} is named by its digest only", "A push has a tag: PATH:TAG@DIGEST.")
    return PushEvent(
        source="native",
        event_id=now.isoformat(),
        registry=registry,
        repository=reference.repository,
        tag=reference.effective_tag,
        digest=reference.digest,
        pushed_at=now,
        dated=True,
    )


def _document(push: PushEvent, fleet: Fleet, rules: Rules, rehearsed: Rehearsed) -> dict[str, Any]:
    decisions = []
    for outcome in _of_caches(rehearsed):
        row = {key: outcome[key] for key in _KEYS if key in outcome}
        row["policy"] = policy_text(_rule(rules, outcome))
        if outcome["result"] == Result.REFRESHED.value:
            row["request"] = rehearsed.requests[outcome["region_id"], outcome["image_cache_id"]]
        decisions.append(row)
    return {
        "image": push.image,
        "digest": push.digest,
        "at": fleet.now.isoformat(),
        "regions": [listing.region_id for listing in fleet.listings],
        "caches_seen": len(fleet.caches),
        "decisions": decisions,
        "unreadable": fleet.unreadable_documents(),
    }


def _print(push: PushEvent, fleet: Fleet, rules: Rules, rehearsed: Rehearsed) -> None:
    outcomes = _of_caches(rehearsed)
    where = ", ".join(listing.region_id for listing in fleet.listings) or "no region"
    counted = Counter(outcome["result"] for outcome in outcomes)
    counts = ", ".join(
        f"{counted[result.value]} {result.value}" for result in _ORDER if counted[result.value]
    )
    print_text(
        f"A push of {push.image}, {len(fleet.caches)} image caches in {where}: {counts or 'none lists it'}"
    )
    changed = [outcome for outcome in outcomes if _changes(outcome)]
    if changed:
        print_text()
        print_table(
            ("CACHE", "WOULD BE", "LISTED", "AFTER", "RULE", "POLICY", "REASON"),
            [_row(push, fleet, rules, outcome) for outcome in changed],
        )
        print_text()
        for line in legend(code for outcome in changed for code in _codes(outcome)):
            print_text(line)


def _print_near(fleet: Fleet, near: Sequence[Mapping[str, Any]]) -> None:
    if near:
        print_text()
        print_table(
            ("CACHE", "ENTRY", "RULE", "WHY NOT"),
            [
                (
                    fleet.label(miss["region_id"], miss["image_cache_id"]),
                    miss["entry"],
                    miss["rule"] or "",
                    miss["message"].removeprefix(f"the cache lists {miss['entry']}: "),
                )
                for miss in near
            ],
            "NEAR: caches that almost match",
        )


def _row(push: PushEvent, fleet: Fleet, rules: Rules, outcome: Outcome) -> tuple[str, ...]:
    rule = _rule(rules, outcome)
    until = outcome.get("until")
    reason = " ".join(_codes(outcome))
    return (
        fleet.label(outcome["region_id"], outcome["image_cache_id"]),
        outcome["result"],
        _entries(push, rules, outcome.get("images_before", ())),
        _entries(push, rules, outcome.get("images_after", ())),
        rule.name if rule else "",
        policy_text(rule),
        f"{reason} until {moment_text(datetime.fromisoformat(until))}" if until else reason,
    )


def _changes(outcome: Outcome) -> bool:
    """Whether the cache is changed, has the tag, or waits with a list that it would get."""
    return outcome["result"] != Result.IGNORED.value or "images_after" in outcome


def _codes(outcome: Outcome) -> list[str]:
    return [outcome[key] for key in ("reason", "held_because") if key in outcome]


def _entries(push: PushEvent, rules: Rules, images: Sequence[str]) -> str:
    """The entries of the pushed repository, one a line."""
    repository = (rules.identity(push.registry), push.repository)
    return "\n".join(entry.text for entry in entries_of(images, rules, repository))


def _rule(rules: Rules, outcome: Mapping[str, Any]) -> Rule | None:
    return next((rule for rule in rules.rules if rule.name == outcome.get("rule")), None)


def _of_caches(rehearsed: Rehearsed) -> list[Outcome]:
    """The records of caches that the push concerns, those first that it changes."""
    order = {result.value: number for number, result in enumerate(_ORDER)}
    found = [outcome for outcome in rehearsed.outcomes if "cache_status" in outcome]
    readable = [outcome for outcome in found if outcome["reason"] != "CACHE_UNREADABLE"]
    return sorted(readable, key=lambda outcome: order[outcome["result"]])
