"""``imc-refresh why``: what rules, memory and limits mean for one cache, and for a push of an image to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from imagecache.planning.update_memory import last_update
from imagecache.planning.update_memory_layout import UpdateMemory

from ..output import json_option, print_json, print_note, print_table, print_text
from ..sources.fleet import CacheSource, reads_caches
from ..sources.rules_file import read_rules_file, rules_option, without_registries
from ..wording import cache_text, duration_text, legend, moment_text
from .plan import push_of
from .why_facts import Question, facts_of

_EXAMPLES = """\b
Examples:
  imc-refresh why web --caches caches.json --rules rules.json
  imc-refresh why imc-bp101example registry.cn-hangzhou.aliyuncs.com/shop/web:v1.4.0 --region cn-hangzhou"""


@click.command("why", epilog=_EXAMPLES)
@click.argument("cache")
@click.argument("image", required=False)
@reads_caches
@rules_option
@json_option
def command(
    cache: str, image: str | None, source: CacheSource, rules_file: str | None, *, as_json: bool
) -> None:
    """Show what decides about image cache CACHE (its id or name): rules in order, memory, limits.

    With IMAGE only what concerns a push of it, and what that would do. Nothing is changed.
    """
    rules, asking = without_registries(read_rules_file(rules_file))
    fleet = source.read()
    asked = Question(fleet.find(cache), rules, fleet.now)
    push = push_of(image, fleet.now) if image is not None else None
    document = facts_of(asked, push)
    deciding = {entry["rule"] for entry in document["entries"]}
    for name in asking:
        if name in deciding:
            print_note(f"rule {name} reads the registry: what it has there may change the list further")
    if as_json:
        print_json(document)
    else:
        _print(document, asked)


def _print(document: Mapping[str, Any], asked: Question) -> None:
    cache = asked.cache
    print_text(f"{cache_text(cache)} in {cache.region_id}: {cache.status}", bold=True)
    if cache.last_warning:
        print_text(f"last warning: {cache.last_warning}")
    if document["held"]:
        print_text(f"held {document['held']}")
    print_text(_memory_text(last_update(cache, asked.at), asked.now))
    print_text(_next_text(document["next_update"]))
    codes: list[str] = []
    if "push" in document:
        _print_push(document["push"])
        codes += _codes(document["push"])
    entries = document["entries"]
    if entries:
        print_text()
        print_table(
            ("ENTRY", "RULE", "POLICY", "ITS PLACE", "A PUSH OF ITS TAG NOW"),
            [
                (
                    entry["entry"],
                    entry["rule"] or "",
                    entry["policy"],
                    f"stays: {entry['governed']}" if entry["governed"] else "may be taken",
                    " ".join([entry["push_of_this_tag"]["result"], *_codes(entry["push_of_this_tag"])]),
                )
                for entry in entries
            ],
        )
        codes += [
            code for entry in entries for code in (entry["governed"], *_codes(entry["push_of_this_tag"]))
        ]
    asked_of = [(entry["entry"], entry["rules"]) for entry in entries]
    if "push" in document:
        asked_of.append((f"pushed: {document['push']['image']}", document["push"]["rules"]))
    if asked.rules.rules:
        print_text()
        print_table(
            ("ENTRY", "RULE", "MATCHES", "WHY NOT"),
            [
                (text if number == 0 else "", row["rule"], _verdict(row), "\n".join(row["misses"]))
                for text, rows in asked_of
                for number, row in enumerate(rows)
            ],
            "Rules in order",
        )
    print_text()
    for line in legend(code for code in codes if code):
        print_text(line)


def _print_push(push: Mapping[str, Any]) -> None:
    print_text()
    near = push["near"]
    until = push.get("until")
    when = f" until {moment_text(datetime.fromisoformat(until))}" if until else ""
    print_text(
        f"A push of {push['image']} would be {push['result']} ({' '.join(_codes(push))}{when})", bold=True
    )
    print_text(near["message"] if near else push["message"])


def _verdict(row: Mapping[str, Any]) -> str:
    if row["decides"]:
        return "yes, decides"
    return "no" if row["misses"] else "yes, but comes later"


def _codes(push: Mapping[str, Any]) -> list[str]:
    return [push[key] for key in ("reason", "held_because") if key in push]


def _memory_text(memory: UpdateMemory | None, now: datetime) -> str:
    if memory is None:
        return "remembers no update of this application"
    parts = [f"last update began {moment_text(memory.began)} ({duration_text(now - memory.began)} ago)"]
    if memory.duration is not None:
        parts.append(f"the last rebuild that ended took {duration_text(memory.duration)}")
    if memory.failures:
        parts.append(f"{memory.failures} in a row began from UpdateFailed")
    if memory.starts:
        parts.append(f"{len(memory.starts)} more began within the hour before")
    if memory.undone:
        last = moment_text(memory.undone[0][1])
        parts.append(f"tags that were taken back: {len(memory.undone)}, the last at {last}")
    return "remembers: " + "; ".join(parts)


def _next_text(coming: Mapping[str, Any] | None) -> str:
    if coming is None:
        return "may be updated: not by a push of a tag that it lists"
    if coming["held_by"] is None:
        return "may be updated: now"
    at = moment_text(datetime.fromisoformat(coming["at"])) if coming["at"] else "not at all"
    return f"may be updated: {at} ({coming['held_by']}: {coming['message']})"
