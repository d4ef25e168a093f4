"""How a command shows what it would do and what came of it, and how it asks a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from imagecache.base.reasons import Result

from ..output import print_json, print_note, print_table, print_text
from ..sources.fleet import Fleet
from ..wording import legend
from .options import NOT_DONE, Acting
from .request import Step
from .session import Session

_KEYS = ("result", "reason", "message", "until", "request_id", "eci_request_id", "follow_task_id")


def show_plan(session: Session, steps: Sequence[Step], title: str) -> None:
    """The table of what would be done."""
    if session.acting.as_json:
        return
    print_text(title)
    rows = [_planned(session.fleet, step) for step in steps]
    print_table(("CACHE", "STATUS", "LISTED", "AFTER", "WHAT"), rows)
    for line in legend(step.planned["reason"] for step in steps if not step.would_be_done):
        print_text(line)


def confirm(acting: Acting, question: str) -> None:
    """Ask a person, unless they have said yes already; ends the command where they do not."""
    if acting.yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
        click.echo(err=True)
    if not agreed:
        print_note("nothing was changed; --yes does it without asking")
        click.get_current_context().exit(NOT_DONE)


def finish(session: Session, steps: Sequence[Step], code: int, **facts: Any) -> None:
    """Show what came of it, and end with an exit code."""
    if session.acting.as_json:
        print_json(
            {
                "at": session.fleet.now.isoformat(),
                "dry_run": session.acting.dry_run,
                "exit_code": code,
                **facts,
                "caches": [_document(step) for step in steps],
            }
        )
    elif any(step.answered for step in steps):
        print_text()
        print_table(("CACHE", "RESULT", "LISTS", "WHY"), [_ended(session.fleet, step) for step in steps])
    for step in steps:
        for note in step.notes:
            print_note(f"{session.fleet.label(*step.key)}: {note}")
    click.get_current_context().exit(code)


def _planned(fleet: Fleet, step: Step) -> tuple[str, ...]:
    before, after = step.cache.images, step.images
    same = before == after
    listed = (f"{len(before)} image{'' if len(before) == 1 else 's'}",) if same else _only(before, after)
    what = "rebuilt with the list that it has" if same else "gets another list"
    if not step.would_be_done:
        what = f"{step.planned['result']}: {step.planned['message']}"
    elif not step.cache.updatable:
        what += ", once it takes an update"
    return (
        fleet.label(*step.key),
        step.cache.status,
        "\n".join(listed),
        "" if same else "\n".join(_only(after, before)),
        what,
    )


def _only(images: Sequence[str], others: Sequence[str]) -> list[str]:
    """What is not in the other list too; all where the lists differ in their order alone."""
    return [image for image in images if image not in others] or list(images)


def _ended(fleet: Fleet, step: Step) -> tuple[str, ...]:
    said = step.answered or step.planned
    if step.end is None:
        now = step.cache
        result, why = said["result"], f"{said['reason']}: {said['message']}"
        if said["result"] == Result.DEFERRED.value:
            why += ", and is done later"
    else:
        now, result, why = step.end.cache or step.cache, step.end.result, step.end.message
    images = step.images if step.end is None and step.accepted else now.images
    return fleet.label(*step.key), result, "\n".join(images), why


def _document(step: Step) -> dict[str, Any]:
    end = step.end
    return {
        "region_id": step.cache.region_id,
        "image_cache_id": step.cache.image_cache_id,
        "image_cache_name": step.cache.name,
        "images_before": list(step.cache.images),
        "images_after": list(step.images),
        "planned": _said(step.planned),
        "answered": _said(step.answered) if step.answered else None,
        "ended": {
            "result": end.result,
            "message": end.message,
            "status": end.cache.status if end.cache else None,
            "images": list(end.cache.images) if end.cache else None,
        }
        if end
        else None,
        "notes": step.notes,
    }


def _said(outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {key: outcome[key] for key in _KEYS if key in outcome}
