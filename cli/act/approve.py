"""``imc-refresh approve``: let a list in that a rule leaves to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from imagecache.base.reasons import Reason
from imagecache.model.image_cache import ImageCache

from ..problem import Problem
from ..sources.record import Record
from ..wording import cache_text, names_of
from .earlier_lists import images_of
from .options import ACT_EXIT_CODES, NOT_DONE, Acting, acts
from .record_option import RecordOption, asks_for_records
from .request import ask, exit_code, plan, watch
from .session import Session, session
from .telling import confirm, finish, show_plan

_EXAMPLES = f"""\b
Examples:
  imc-refresh approve web registry.cn-hangzhou.aliyuncs.com/shop/web:v1.4.0
  imc-refresh approve web --records records.jsonl --yes

{ACT_EXIT_CODES}"""
_NEEDED = Reason.APPROVAL_NEEDED.value


@click.command("approve", epilog=_EXAMPLES)
@click.argument("cache")
@click.argument("image", required=False)
@acts()
@asks_for_records
def command(cache: str, image: str | None, acting: Acting, records: RecordOption) -> None:
    """Give CACHE the list that waits for a person.

    With IMAGE the functions are asked which list that image leads to. Without it, the records say what waits.
    It is done only while the cache has the list that you were shown.
    """
    with session(acting) as at_work:
        found = at_work.fleet.find(cache)
        images = _asked(at_work, found, image) if image else _waiting(found, records.read(at_work))
        document = {
            "imageCacheId": found.image_cache_id,
            "regionId": found.region_id,
            "images": list(images),
            "ifImages": list(found.images),
        }
        steps = plan(at_work, [document])
        show_plan(at_work, steps, f"{cache_text(found)} would get the list that waits")
        possible = any(step.would_be_done for step in steps)
        if acting.dry_run or not possible:
            finish(at_work, steps, 0 if possible else NOT_DONE)
        confirm(acting, "Approve it?")
        stopped = ask(at_work, steps, [document]) or watch(at_work, steps)
        finish(at_work, steps, exit_code(steps, stopped=stopped))


def _asked(at_work: Session, cache: ImageCache, image: str) -> Sequence[str]:
    """The list that an image leads to, as the functions say."""
    request = {"image": image, "regionId": cache.region_id, "dryRun": True}
    outcomes: Sequence[Mapping[str, Any]] = at_work.on_manual.ask(request).outcomes
    of_cache = [each for each in outcomes if each.get("image_cache_id") == cache.image_cache_id]
    for outcome in of_cache:
        if outcome["reason"] == _NEEDED:
            return list(outcome["images_after"])
    said = (of_cache or outcomes)[0]
    raise Problem(f"{image} waits for nobody in {cache_text(cache)}: {said['reason']}, {said['message']}")


def _waiting(cache: ImageCache, records: Sequence[Record]) -> Sequence[str]:
    """The list that waits, as records say; it must be the only one."""
    told = [
        record
        for record in records
        if record.reason == _NEEDED
        and record.text("image_cache_id") == cache.image_cache_id
        and images_of(record, "images_after")
    ]
    fresh = [record for record in told if images_of(record, "images_before") == cache.images]
    lists = {images_of(record, "images_after"): record for record in fresh}
    if len(lists) == 1:
        return next(iter(lists))
    if lists:
        images = [record.text("image") for record in lists.values()]
        raise Problem(f"{names_of(images, last='and')} wait for {cache_text(cache)}", "Name the image.")
    if told:
        last = told[-1].text("image") or "a list"
        raise Problem(
            f"{last} waited for {cache_text(cache)} beside a list that it has not any more",
            f"Name the image, and the functions say which list it leads to now: imc-refresh approve "
            f"{cache.name or cache.image_cache_id} {last}",
        )
    raise Problem(f"of {len(records)} records none says that something waits for {cache_text(cache)}")
