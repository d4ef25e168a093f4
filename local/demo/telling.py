"""How the story reads in a terminal: lines of at most 80 columns. Must not know how it is played."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from .cost import Cost
from .pushes import Push, Step

__all__ = [
    "WORDS",
    "broken_line",
    "burst_cost",
    "burst_line",
    "held_line",
    "others_line",
    "push_lines",
    "state_line",
    "table",
]

WORDS = (
    "refreshed: ECI accepted a rebuild; deferred: a stored task looks again;",
    "landed: the cache is Ready with what was pushed.",
)
"""What the results mean."""
_HELD = "Every sentence of the story held."
_STYLES = {
    "refreshed": "cyan",
    "deferred": "yellow",
    "landed": "green",
    "ignored": "bright_black",
    "failed": "red",
    "rejected": "red",
}
_RESULT = max(map(len, (*_STYLES, "unchanged")))


def push_lines(
    push: Push, started: float, steps: Mapping[str, Sequence[Step]], names: Sequence[str]
) -> Iterator[Text]:
    """A push, and under it what became of it.

    Args:
        push: which one.
        started: when the story began, in seconds since the epoch.
        steps: of each cache.
        names: of all caches, in the order of the story.
    """
    title = Text(f"Push {push.number}: {push.image} ({push.content})", style="bold")
    yield title.append(f" at {push.at - started:.1f} s", style="not bold")
    width = max(map(len, names))
    for name in sorted(steps, key=lambda one: names.index(one) if one in names else len(names)):
        shown = name or "no cache"
        for step in steps[name]:
            line = Text(f"  {shown:<{width}}  {f'+{step.after:.1f} s':>8}  ")
            line.append(f"{step.result:<{_RESULT}}", style=_STYLES.get(step.result, ""))
            yield line.append(f"  {step.what}")
            shown = ""


def state_line(states: Mapping[str, str]) -> Text:
    """What the caches do at this moment that are not Ready."""
    busy = ", ".join(f"{name} is {state}" for name, state in states.items() if state != "Ready")
    return Text(f"  {busy}", style="bright_black") if busy else Text()


def burst_line(pushes: int, images: int, caches: int) -> Text:
    """What comes next."""
    return Text(f"Now a burst: {pushes} pushes of {images} images, all listed by {caches} caches.")


def burst_cost(updates: int, cost: Cost) -> tuple[Text, ...]:
    """What the burst asked for, and what it took."""
    return Text(f"The burst asked for {updates} updates. It took"), Text(f"{cost}.")


def held_line(seconds: float) -> Text:
    """The last line of a story that held."""
    return Text().append(_HELD, style="green").append(f" {seconds:.1f} s")


def broken_line(sentence: str) -> Text:
    """A sentence that did not hold."""
    return Text().append("Not as expected:", style="red").append(f" {sentence}")


def others_line(counted: tuple[tuple[str, str], int]) -> Text:
    """What the registry also reported, such as a layer."""
    (result, reason), count = counted
    return Text(f"Not of these pushes: {count} {result} {reason}.")


def table(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table of image caches."""
    shown = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for header in headers:
        # A reference that is cut is of no use: it is folded instead.
        shown.add_column(header, overflow="fold", header_style="bright_black")
    for row in rows:
        shown.add_row(*map(Text, row))
    return shown
