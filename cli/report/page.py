"""The report's page, from the numbers of ``records --json`` alone. Pure."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files
from typing import Any

from .over_time import plots
from .view import Column, View, count, joined, moment, safe, seconds, section

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is loaded, wherever the file is opened."""
_FOOT = (
    "Attempts at one decision count once; what they cost counts each time. "
    "<code>imc-refresh records --json</code> gives every number of this page."
)
_TILES = (
    ("pushes reported", "/pushes", count),
    ("rebuilds", "/cost/rebuilds", count),
    ("median staleness", "/staleness_seconds/median", seconds),
    ("90th percentile", "/staleness_seconds/p90", seconds),
    ("longest", "/staleness_seconds/longest", seconds),
    ("decisions", "/decisions", count),
)
_COSTS = (
    ("Rebuilds that ECI accepted", "/cost/rebuilds", count),
    ("Time of temporary instances, at most, of those that landed", "/cost/building_seconds_at_most", seconds),
    ("Calls of UpdateImageCache, at least", "/cost/update_calls", count),
    ("Invocations that left a record", "/cost/invocations", count),
    ("of these runs of follow tasks", "/cost/follow_runs", count),
    ("Records", "/records", count),
)
_OUTCOMES = (
    Column("result", "result"),
    Column("reason", "reason"),
    Column("decisions", "count", count, number=True),
)
_CACHE = (Column("cache", "image_cache_name"), Column("id", "image_cache_id"), Column("region", "region_id"))
_FAILING = (
    *_CACHE,
    Column("times seen failing", "failures", count, number=True),
    Column("well since", "well_since", lambda well: "yes" if well else "no"),
    Column("last", "last_at", moment),
    Column("reason", "last_reason"),
    Column("message", "last_message", wraps=True),
    Column("warning of ECI", "last_warning", wraps=True),
)
_SOURCES = (
    Column("source", "source"),
    Column("pushes", "pushes", count, number=True),
    Column("refused", "refused", count, number=True),
    Column("delay, median", "delay_seconds/median", seconds, number=True),
    Column("90th percentile", "delay_seconds/p90", seconds, number=True),
    Column("longest", "delay_seconds/longest", seconds, number=True),
)
_REBUILDS = (
    *_CACHE,
    Column("rebuilds", "rebuilds", count, number=True),
    Column("time, at most", "building_seconds_at_most", seconds, number=True),
)


def page(numbers: dict[str, Any], where: str, now: datetime) -> str:
    """The whole file.

    Args:
        numbers: of ``numbers_of``.
        where: the records are from, in words.
        now: when it is made, with a zone.
    """
    view = View(numbers)
    span = "no time"
    if numbers["since"]:
        span = f"{moment(numbers['since'])} to {moment(numbers['until'])}"
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    head = (
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>Image caches after pushes, {safe(span)}</title>",
        f"<style>\n{style}</style>",
    )
    body = (
        f"<header><h1>Image caches after pushes</h1><p>{safe(span)}, from {safe(where)}</p></header>",
        "" if numbers["records"] else "<p>There are no records of this time.</p>",
        f'<dl class="tiles">{_pairs(view, _TILES)}</dl>',
        f'<div class="plots">{plots(view)}</div>',
        view.table("Caches that failed", "/failing_caches", _FAILING, "No cache failed."),
        view.table("Sources, the slowest first", "/sources", _SOURCES, "No source reported anything."),
        _fates(view),
        view.table("Decisions", "/outcomes", _OUTCOMES, "There are none."),
        section("What it cost", f'<dl class="list">{_pairs(view, _COSTS)}</dl>'),
        view.table("Rebuilds of each cache", "/cost/caches", _REBUILDS, "None was rebuilt."),
        f"<footer>Made {safe(moment(now.isoformat()))} by imc-refresh. {_FOOT}</footer>",
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>\n{joined(head)}\n</head>\n'
        f"<body><main>\n{joined(filter(None, body))}\n</main></body></html>\n"
    )


def _pairs(view: View, pairs: tuple[tuple[str, str, Any], ...]) -> str:
    return "".join(
        f"<div><dt>{safe(title)}</dt><dd>{view.show(at, text)}</dd></div>" for title, at, text in pairs
    )


def _fates(view: View) -> str:
    """How each push ended for each cache."""
    found = view.get("/fates")
    title = "How pushes and requests ended, for each cache"
    if not found:
        return section(title, "<p>There are none.</p>")
    pairs = tuple((kind, f"/fates/{kind}", count) for kind in found)
    return section(title, f'<dl class="list">{_pairs(view, pairs)}</dl>')
