"""``imc-refresh release``: let go of image caches that are held."""

from __future__ import annotations

import click

from .hold_tags import held_by
from .holding import Held, finish, set_all, show
from .options import ACT_EXIT_CODES, Acting, acts
from .selecting import Selection, takes_caches
from .session import session
from .telling import confirm

_EXAMPLES = f"""\b
Examples:
  imc-refresh release web --region cn-hangzhou
  imc-refresh release 'web-*' --yes

{ACT_EXIT_CODES}"""


@click.command("release", epilog=_EXAMPLES)
@takes_caches
@acts(by_function=False)
def command(selection: Selection, acting: Acting) -> None:
    """Let go of image caches that are held: the next push or sweep changes them again.

    CACHE is an id, a name, or a glob over names; with options too, it must fit both. What was kept back
    meanwhile is not made up for: `imc-refresh refresh` rebuilds a cache now.
    """
    with session(acting) as at_work:
        caches = selection.of(at_work.fleet)
        held = [Held(cache, before, None) for cache in caches if (before := held_by(cache)) is not None]
        show(at_work, held, f"{len(held)} of {len(caches)} image caches are held, and would not be any more")
        if acting.dry_run or not held:
            finish(at_work, held, 0)
        confirm(acting, f"Release {len(held)} image cache{'' if len(held) == 1 else 's'}?")
        set_all(at_work, held)
