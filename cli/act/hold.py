"""``imc-refresh hold``: image caches stay as they are until a time, or until somebody releases them."""

from __future__ import annotations

import click

from imagecache.base.errors import InputError
from imagecache.model.image_cache import ImageCache
from imagecache.planning.hold_tag import CacheHold, read_hold

from .hold_options import describes_hold
from .hold_tags import held_by, room_problem
from .hold_value import hold_value
from .holding import Held, finish, set_all, show
from .options import ACT_EXIT_CODES, NOT_DONE, Acting, acts
from .selecting import Selection, takes_caches
from .session import session
from .telling import confirm

_EXAMPLES = f"""\b
Examples:
  imc-refresh hold web --for 2h --why 'release 12'
  imc-refresh hold 'web-*' --freeze --yes

{ACT_EXIT_CODES}"""


@click.command("hold", epilog=_EXAMPLES)
@takes_caches
@acts(by_function=False)
@describes_hold
def command(selection: Selection, acting: Acting, wanted: CacheHold) -> None:
    """Hold image caches as they are: no push, sweep or follow task changes their lists.

    CACHE is an id, a name, or a glob over names; with options too, it must fit both. Without --for or --until
    the hold has no end. A hold takes the place of the one before. It is set while a cache is busy, too.
    """
    with session(acting) as at_work:
        held = [_held(cache, wanted) for cache in selection.of(at_work.fleet)]
        # As the tag has it: it holds seconds, and not every character and length.
        says = next((read_hold(each.value).says for each in held if each.value), wanted.says)
        show(at_work, held, f"{len(held)} image cache{'' if len(held) == 1 else 's'} would be held{says}")
        possible = [each for each in held if not each.problem]
        if acting.dry_run or not possible:
            finish(at_work, held, NOT_DONE if len(possible) < len(held) else 0)
        confirm(acting, f"Hold {len(possible)} image cache{'' if len(possible) == 1 else 's'}?")
        set_all(at_work, held)


def _held(cache: ImageCache, wanted: CacheHold) -> Held:
    before = held_by(cache)
    try:
        # Parts that are not ours are kept.
        others = read_hold(before).others if before else ()
        return Held(cache, before, hold_value(wanted._replace(others=others)), room_problem(cache))
    except InputError as error:
        return Held(cache, before, "", error.message)
