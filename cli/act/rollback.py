"""``imc-refresh rollback``: give a cache an earlier list, and hold it, so that it stays.

The hold comes first: no push and no sweep gets in between. It carries no right of its own: the list is set by
the function, with ``force``, and only while the cache has the list that the person was shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from imagecache.base.errors import InputError
from imagecache.model.image_cache import ImageCache
from imagecache.planning.hold_tag import CacheHold, read_hold

from ..output import print_note, print_text
from ..problem import Problem
from ..sources.record import Record
from ..wording import cache_text
from .earlier_lists import Earlier, list_before, named_list
from .hold_options import describes_hold
from .hold_tags import held_by, room_problem
from .hold_value import hold_value
from .options import ACT_EXIT_CODES, NOT_DONE, Acting, acts
from .record_option import RecordOption, asks_for_records
from .request import Step, ask, exit_code, plan, watch
from .session import Session, session
from .telling import confirm, finish, show_plan

_EXAMPLES = f"""\b
Examples:
  imc-refresh rollback web --to v1.3.1 --why 'v1.3.2 leaks'
  imc-refresh rollback web --records records.jsonl --for 12h --yes

{ACT_EXIT_CODES}"""


@click.command("rollback", epilog=_EXAMPLES)
@click.argument("cache")
@acts()
@asks_for_records
@click.option(
    "--to", metavar="TAG|RECORD", help="A tag, an image, or an id in a record; else what was served before."
)
@describes_hold
def command(cache: str, acting: Acting, records: RecordOption, to: str | None, wanted: CacheHold) -> None:
    """Give CACHE an earlier list, and hold it so that no push or sweep changes it.

    Without --to it is the list that the cache served before, as the records tell. With a
    tag it is the present list with that tag in the place of those of its repository; with the id of an event,
    a change, an invocation or a task, the list that this left.
    """
    with session(acting) as at_work:
        found = at_work.fleet.find(cache)
        earlier = (
            list_before(found, records.read(at_work))
            if to is None
            else named_list(found, _if_there(at_work, records, to), to)
        )
        if earlier.images == found.images:
            name = found.name or found.image_cache_id
            raise Problem(f"{cache_text(found)} has this list now", f"imc-refresh hold {name} keeps it so.")
        value = _hold_value(found, wanted._replace(why=wanted.why or f"rollback, {earlier.origin}"))
        document = {
            "imageCacheId": found.image_cache_id,
            "regionId": found.region_id,
            "images": list(earlier.images),
            "ifImages": list(found.images),
            "force": True,
        }
        steps = plan(at_work, [document])
        _show(at_work, steps, earlier, found, value)
        possible = any(step.would_be_done for step in steps)
        if acting.dry_run or not possible:
            finish(at_work, steps, 0 if possible else NOT_DONE, hold=value)
        confirm(acting, f"Hold {found.name or found.image_cache_id}, and give it this list?")
        problem = _hold(at_work, found, value)
        if problem:
            steps[0].notes.append(problem)
            finish(at_work, steps, NOT_DONE, hold=value)
        stopped = _go_back(at_work, found, steps, document, value)
        finish(at_work, steps, exit_code(steps, stopped=stopped), hold=value)


def _if_there(at_work: Session, records: RecordOption, to: str) -> Sequence[Record]:
    """The records that may know a name; an image needs none, and a tag can do without."""
    if ":" in to and records.file is None:
        return ()
    try:
        return records.read(at_work)
    except Problem as problem:
        if records.file is not None:
            raise
        print_note(f"{to} is taken for a tag, as no records can be read: {problem.message}")
        return ()


def _hold_value(cache: ImageCache, hold: CacheHold) -> str:
    before = held_by(cache)
    problem = room_problem(cache)
    if problem:
        raise Problem(problem)
    try:
        return hold_value(hold._replace(others=read_hold(before).others if before else ()))
    except InputError as error:
        raise Problem(error.message) from None


def _show(at_work: Session, steps: list[Step], earlier: Earlier, cache: ImageCache, value: str) -> None:
    show_plan(at_work, steps, f"{cache_text(cache)} would get its list {earlier.origin}")
    if at_work.acting.as_json:
        return
    print_text(f"It would be held{read_hold(value).says}.")
    before = held_by(cache)
    if before is not None:
        print_text(f"That takes the place of the hold that it has{read_hold(before).says}.")


def _hold(at_work: Session, cache: ImageCache, value: str) -> str:
    """Hold the cache, unless somebody has changed its hold since the person was shown it; what hinders."""
    before = held_by(cache)
    try:
        now = held_by(at_work.holds.read(cache))
    except Problem as problem:
        return problem.message
    if now != before:
        what = f"held{read_hold(now).says}" if now is not None else "not held any more"
        return f"nothing was done, as somebody has changed the hold: it is {what}"
    try:
        at_work.holds.set(cache, value)
    except KeyboardInterrupt:
        return at_work.holds.put_back(cache, value, before) or "you stopped before anything was done"
    except Problem as problem:
        left = at_work.holds.put_back(cache, value, before)
        return ". ".join(filter(None, (problem.message, problem.remedy.rstrip("."), left)))
    return ""


def _go_back(
    at_work: Session, cache: ImageCache, steps: list[Step], document: dict[str, Any], value: str
) -> bool:
    """Ask for the list and watch it; whether a person stopped that."""
    (step,) = steps
    stopped = ask(at_work, steps, [document])
    if step.unknown:
        step.notes.append("it is held")
        return stopped
    if not step.accepted:
        left = at_work.holds.put_back(cache, value, held_by(cache))
        step.notes.append(left or "the list was not set, so the hold is as it was before")
        return False
    stopped = watch(at_work, steps)
    if step.end is not None and not stopped:
        _still_held(at_work, cache, step, value)
    return stopped


def _still_held(at_work: Session, cache: ImageCache, step: Step, value: str) -> None:
    """An update that ran when the hold was set may have brought along the tags of before."""
    try:
        now = held_by(at_work.holds.read(cache))
        if now is None and not cache.updatable:
            at_work.holds.set(cache, value)
        elif now is None:
            step.notes.append("it is not held any more: somebody has released it")
        elif now != value:
            step.notes.append(f"somebody else holds it now{read_hold(now).says}")
    except Problem as problem:
        step.notes.append(f"whether it is still held is not known: {problem.message}")
