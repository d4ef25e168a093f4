"""Watches image caches until each has come to an end, with a line of progress on a terminal.

What is asked for is done without being watched: who ends it ends the watching alone.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from shutil import get_terminal_size
from typing import Protocol

import click

from imagecache.base.errors import EciError
from imagecache.clients.eci_gateway import EciGateway
from imagecache.model.image_cache import ImageCache

from ..output import plain, print_note
from ..wording import duration_text
from .landing import WAITING, End

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_SHARE = 0.1
"""The pause between two looks is this share of the time so far."""
_LISTED = 4
"""From so many caches of a region on, all are listed instead of each being described."""
_MOST_UNANSWERED = 5

Key = tuple[str, str]
"""Region and id."""


class Looking(Protocol):
    """What is done with each look at a cache."""

    def look(self, cache: ImageCache | None, now: datetime) -> End | None:
        """What a look shows; None while it goes on."""


class Watch:
    """The watching of some caches.

    Args:
        eci: to look at them.
        waiting: what looks at each.
        longest: after this it is not watched any more.
        quiet: whether nothing is said meanwhile.

    Attributes:
        ends: what is over.
        stopped: whether a person ended it.
    """

    def __init__(
        self, eci: EciGateway, waiting: Mapping[Key, Looking], longest: timedelta, *, quiet: bool
    ) -> None:
        self._eci = eci
        self._waiting = dict(waiting)
        self._longest = longest.total_seconds()
        self._line = not quiet and sys.stderr.isatty()
        self._seen: dict[Key, ImageCache] = {}
        self._all = len(self._waiting)
        self.ends: dict[Key, End] = {}
        self.stopped = False

    def run(self) -> None:
        """Look until nothing is left to watch; a person's Ctrl-C ends it too."""
        began, unanswered = time.monotonic(), 0
        try:
            while self._waiting:
                passed = time.monotonic() - began
                try:
                    self._look()
                    unanswered = 0
                except EciError as error:
                    unanswered += 1
                    if unanswered >= _MOST_UNANSWERED:
                        self._give_up(f"ECI does not say how it stands: {error.message}")
                        break
                if passed >= self._longest:
                    self._give_up(f"not over after {duration_text(self._longest)}")
                    break
                if self._waiting:
                    self._say(passed)
                    pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, passed * _SHARE))
                    time.sleep(min(pause, max(0.0, self._longest - passed)))
        except KeyboardInterrupt:
            self.stopped = True
            self._give_up("not watched to its end")
        finally:
            self._clear()
        if self.stopped:
            print_note("you stopped watching; the work goes on, and `imc-refresh status` shows it")

    def _look(self) -> None:
        now = datetime.now(timezone.utc)
        for key, cache in self._described().items():
            if cache is not None:
                self._seen[key] = cache
            end = self._waiting[key].look(cache, now)
            if end is not None:
                self.ends[key] = end
                del self._waiting[key]

    def _described(self) -> dict[Key, ImageCache | None]:
        counted = Counter(region for region, _ in self._waiting)
        listed = {
            (region, cache.image_cache_id): cache
            for region, count in counted.items()
            if count >= _LISTED
            for cache in self._eci.list_image_caches(region)
            if not cache.unreadable
        }
        return {
            (region, identifier): listed.get((region, identifier))
            if counted[region] >= _LISTED
            else self._eci.describe_image_cache(region, identifier)
            for region, identifier in self._waiting
        }

    def _give_up(self, message: str) -> None:
        for key in self._waiting:
            self.ends[key] = End(WAITING, message, self._seen.get(key))
        self._waiting = {}

    def _say(self, passed: float) -> None:
        if not self._line:
            return
        states = Counter(self._seen[key].status if key in self._seen else "not seen" for key in self._waiting)
        parts: Sequence[str] = [f"{count} {status}" for status, count in states.items()]
        text = f"{len(self.ends)} of {self._all} done, {', '.join(parts)}, {duration_text(passed)}"
        width = max(10, get_terminal_size().columns - 1)
        click.echo(f"\r\x1b[K{plain(text)[:width]}", err=True, nl=False)

    def _clear(self) -> None:
        if self._line:
            click.echo("\r\x1b[K", err=True, nl=False)
