"""Makes the tables of the pages that say what the code says: ``make docs`` writes them anew.

A table stands between two comments of its page, and everything between them is made. A test holds the pages
against what is made here. Must not know what the tables are for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from imagecache.base.reasons import Hold, Reason
from imagecache.config.setting_table import SETTINGS
from imagecache.model.webhook_sources import WEBHOOK_SOURCES, Word
from imagecache.planning.near_misses import Near
from tests.laws.cost_table import cost_rows

from .template_variables import read_raw, variable_rows

__all__ = ["PAGES", "table_names", "with_tables"]

_ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"(<!-- table: (\w+), made by `make docs` -->\n).*?(<!-- end of table -->)", re.DOTALL)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(cells)} |\n" for cells in (head, *rows)]
    return "".join((lines[0], "|---" * len(head), "|\n", *lines[1:]))


def _reasons() -> str:
    return _table(
        ("code", "results", "meaning"),
        (
            (
                f"`{reason.value}`",
                ", ".join(sorted(result.value for result in reason.results)),
                reason.meaning,
            )
            for reason in Reason
        ),
    )


def _holds() -> str:
    return _table(("held_because", "meaning"), ((f"`{hold.value}`", hold.meaning) for hold in Hold))


def _nears() -> str:
    return _table(("because", "meaning"), ((f"`{near.value}`", near.meaning) for near in Near))


def _settings() -> str:
    return _table(
        ("name", "form", "default", "meaning"),
        (
            (
                f"`{setting.name}`",
                setting.form.says,
                f"`{text}`" if (text := setting.platform or setting.default) else "none",
                setting.meaning,
            )
            for setting in SETTINGS
        ),
    )


_CAUSES = {
    Word.VENDOR: "a push to any of the source's own registries, or to one that the URL names",
    Word.URL: "a push to the registry that the URL names",
    Word.SERVER: "a push to any registry without a source of its own",
    Word.SENDER: "a push to any registry",
}


def _authority() -> str:
    return _table(
        (
            "source",
            "what proves the sender",
            "whose word the registry is",
            "what an unbound token can cause",
            "what it retries",
        ),
        (
            (
                f"`{name}`",
                source.proof,
                source.word.value,
                _CAUSES[source.word],
                "everything, until it is answered 2xx" if source.resends else "see the table above",
            )
            for name, source in WEBHOOK_SOURCES.items()
        ),
    )


def _costs() -> str:
    return _table(("what happens", "invocations", "follow runs", "ECI calls", "rebuilds"), cost_rows())


def _parameters() -> str:
    return _table(
        ("name", "default", "meaning"),
        (
            (f"`{name}`", _default(declaration), " ".join(declaration["Description"].split()))
            for name, declaration in read_raw()["Parameters"].items()
        ),
    )


def _default(declaration: Mapping[str, Any]) -> str:
    if "Default" not in declaration:
        return "must be given"
    default = declaration["Default"]
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{text}`" if text else "empty"


def _variables() -> str:
    return _table(("variable", "made from", "name", "value at most", "together"), variable_rows())


_TABLES: dict[str, Callable[[], str]] = {
    "holds": _holds,
    "nears": _nears,
    "reasons": _reasons,
    "settings": _settings,
    "authority": _authority,
    "costs": _costs,
    "parameters": _parameters,
    "variables": _variables,
}
PAGES = {
    _ROOT / "README.md": ["settings", "costs"],
    _ROOT / "docs" / "reasons.md": ["reasons", "holds", "nears"],
    _ROOT / "docs" / "deploy.md": ["parameters", "variables"],
    _ROOT / "docs" / "sources.md": ["authority"],
}
"""The pages, each with the names of its tables in their order."""


def table_names(page: str) -> list[str]:
    """The names of the tables that a page's text has a place for, in order."""
    return [block[2] for block in _BLOCK.finditer(page)]


def with_tables(page: str) -> str:
    """A page's text with its tables made anew.

    Raises:
        KeyError: the page has a place for a table that is not made here.
    """
    return _BLOCK.sub(lambda block: f"{block[1]}\n{_TABLES[block[2]]()}\n{block[3]}", page)


def _main() -> None:
    for page in PAGES:
        page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    _main()
