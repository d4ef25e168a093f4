"""``imc-refresh refresh``: have image caches rebuilt now, with the list that they have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import click

from imagecache.model.image_cache import ImageCache

from .options import ACT_EXIT_CODES, NOT_DONE, Acting, acts
from .request import ask, exit_code, plan, watch
from .selecting import Selection, takes_caches
from .session import session
from .telling import confirm, finish, show_plan

_MOST = 100
"""Ids in one request (schema ``manual-request``)."""
_EXAMPLES = f"""\b
Examples:
  imc-refresh refresh web --region cn-hangzhou
  imc-refresh refresh 'web-*' --tag team=shop --yes --no-wait --json

{ACT_EXIT_CODES}"""


@click.command("refresh", epilog=_EXAMPLES)
@takes_caches
@acts()
@click.option("--force", is_flag=True, help="Also what is held.")
def command(selection: Selection, acting: Acting, *, force: bool) -> None:
    """Rebuild image caches now, and watch until they are Ready.

    CACHE is an id, a name, or a glob over names; with options too, it must fit both. What is held is left
    alone without --force.
    """
    with session(acting) as at_work:
        caches = selection.of(at_work.fleet)
        documents = list(_documents(caches, force=force))
        steps = plan(at_work, documents)
        wanted = sum(step.would_be_done for step in steps)
        show_plan(at_work, steps, f"{wanted} of {len(caches)} image caches would be rebuilt")
        if acting.dry_run or not wanted:
            finish(at_work, steps, NOT_DONE if wanted < len(steps) else 0)
        confirm(acting, f"Rebuild {wanted} image cache{'' if wanted == 1 else 's'}?")
        stopped = ask(at_work, steps, documents) or watch(at_work, steps)
        finish(at_work, steps, exit_code(steps, stopped=stopped))


def _documents(caches: Sequence[ImageCache], *, force: bool) -> Iterable[dict[str, Any]]:
    """Requests by the ids that a person saw: what fits a glob later is not meant."""
    by_region = sorted(caches, key=lambda cache: cache.region_id)
    for region, found in groupby(by_region, key=lambda cache: cache.region_id):
        ids = [cache.image_cache_id for cache in found]
        for start in range(0, len(ids), _MOST):
            document: dict[str, Any] = {"caches": {"ids": ids[start : start + _MOST]}, "regionId": region}
            yield document | ({"force": True} if force else {})
