"""Tables that are made from the code: each page has those of today."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagecache.base.reasons import Reason
from tests.support.doc_tables import PAGES, table_names, with_tables

STALE = """# Codes

<!-- table: reasons, made by `make docs` -->

| code |
|---|
| `OLD` |

<!-- end of table -->

The end.
"""

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@every_page
def test_a_page_has_the_tables_of_today(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if text != with_tables(text):
        pytest.fail(f"{page} says what the code no longer says: run `make docs` and commit the page")


@every_page
def test_a_page_has_a_place_for_each_of_its_tables(page: Path) -> None:
    assert table_names(page.read_text(encoding="utf-8")) == PAGES[page]


def test_a_table_is_made_anew_and_what_is_around_it_stays() -> None:
    made = with_tables(STALE)
    before, after = STALE.split("| code |\n|---|\n| `OLD` |\n")
    assert made.startswith(f"{before}| code | results | meaning |\n|---|---|---|\n| `TAG_REPUSHED` | ")
    assert made.endswith(f"{Reason.INTERNAL_ERROR.meaning} |\n{after}")
    assert made.count("\n| `") == len(Reason)
    assert with_tables(made) == made


def test_a_place_for_an_unknown_table_is_an_error() -> None:
    with pytest.raises(KeyError, match="others"):
        with_tables(STALE.replace("reasons", "others"))
