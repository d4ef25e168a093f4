"""``imc-refresh report``: its page is opened, and every number of it is one of ``records --json``."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import READABLE, SCHEMES, needs_chromium, opened, texts_in
from tests.support.demo_picture import PICTURE
from tests.support.week_of_records import week_of_records

PERIOD = ("--since", "2026-03-02T00:00:00Z", "--until", "2026-03-09T00:00:00Z")


class Page(HTMLParser):
    """What is in a page: its numbers, its texts, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.numbers: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.loads += [value for name, value in found.items() if name in {"src", "href", "action", "srcset"}]
        if "data-number" in found:
            self.numbers.append((found["data-number"], found.get("value", found.get("data-value", ""))))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def at(document: Any, pointer: str) -> Any:
    """What a JSON pointer means."""
    for part in pointer.strip("/").split("/"):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


@pytest.fixture
def week(ask: Any) -> str:
    """A file of a week of records."""
    return str(ask.file("\n".join(map(json.dumps, week_of_records())), "week.jsonl"))


def report(ask: Any, *arguments: str) -> tuple[str, Path]:
    """The page, and its file."""
    path = ask.folder / "report.html"
    said = ask("report", "--html", str(path), *arguments)
    assert said.exit_code == 0
    return path.read_text(encoding="utf-8"), path


def test_every_number_is_one_of_records_as_json(ask: Any, week: str) -> None:
    page = Page(report(ask, "--records", week, *PERIOD)[0])
    numbers = ask.json("records", "--records", week, *PERIOD)["numbers"]
    shown = dict(page.numbers)
    for pointer, value in page.numbers:
        wanted = at(numbers, pointer)
        assert wanted is None if value == "" else float(value) == wanted, pointer
    # None of the numbers that a reader looks for is left out.
    assert {"/pushes", "/decisions", "/records", "/cost/rebuilds", "/cost/update_calls"} <= shown.keys()
    assert {f"/staleness_seconds/{key}" for key in ("median", "p90", "longest")} <= shown.keys()
    for number, step in enumerate(numbers["over_time"]["steps"]):
        base = f"/over_time/steps/{number}"
        there = {f"{base}/results/{result}" for result in step["results"]}
        there |= {f"{base}/{key}" for key in ("pushes", "rebuilds") if step[key]}
        assert there <= shown.keys()
    for name, key in (("failing_caches", "failures"), ("sources", "pushes"), ("outcomes", "count")):
        assert {f"/{name}/{number}/{key}" for number in range(len(numbers[name]))} <= shown.keys()


def test_numbers_add_up(ask: Any, week: str) -> None:
    numbers = ask.json("records", "--records", week, *PERIOD)["numbers"]
    steps = numbers["over_time"]["steps"]
    assert numbers["decisions"] == sum(each["count"] for each in numbers["outcomes"])
    assert numbers["decisions"] == sum(sum(step["results"].values()) for step in steps)
    assert numbers["pushes"] == sum(step["pushes"] for step in steps)
    assert numbers["pushes"] == sum(source["pushes"] for source in numbers["sources"])
    assert numbers["cost"]["rebuilds"] == sum(step["rebuilds"] for step in steps)
    assert numbers["cost"]["rebuilds"] == sum(cache["rebuilds"] for cache in numbers["cost"]["caches"])
    assert numbers["staleness_seconds"]["count"] == sum(
        each["count"] for each in numbers["outcomes"] if each["result"] == "landed"
    )


def test_the_page_loads_nothing_and_runs_nothing(ask: Any, week: str) -> None:
    text, _ = report(ask, "--records", week, *PERIOD)
    page = Page(text)
    assert (page.loads, page.tags & {"script", "link", "img", "iframe", "object", "base"}) == ([], set())
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text


def test_names_are_text_in_the_page_whatever_is_in_them(ask: Any) -> None:
    name = "<script>alert(1)</script>\"'&\x1b[31m"
    records = [
        {**each, "image_cache_name": name, "source": name}
        for each in week_of_records()
        if "image_cache_id" in each
    ]
    text, _ = report(ask, "--records", ask.file("\n".join(map(json.dumps, records))), *PERIOD)
    assert "<script" not in text
    assert "\x1b" not in text
    assert any("<script>alert(1)</script>" in shown for shown in Page(text).texts)


def test_a_time_without_records_makes_a_page_that_says_so(ask: Any, week: str) -> None:
    text, _ = report(
        ask, "--records", week, "--since", "2025-01-01T00:00:00Z", "--until", "2025-01-02T00:00:00Z"
    )
    shown = " ".join(Page(text).texts)
    assert "There are no records of this time." in shown
    assert "No cache failed." in shown


def test_filters_narrow_the_page_as_they_narrow_records(ask: Any, week: str) -> None:
    options = ("--records", week, *PERIOD, "--cache", "web-*", "--result", "landed")
    path = ask.folder / "narrow.html"
    said = ask.json("report", "--html", str(path), *options)
    assert said["numbers"] == ask.json("records", *options)["numbers"]
    assert said["file"] == str(path)
    assert 0 < said["numbers"]["records"] < len(week_of_records())


def test_the_page_goes_through_a_pipe(ask: Any, week: str) -> None:
    said = ask("report", "--html", "-", "--records", week, *PERIOD)
    assert said.stdout.startswith("<!doctype html>")
    said = ask("report", "--html", "-", "--json", "--records", week)
    assert said.exit_code == 2
    assert "both want standard output" in said.stderr


def test_a_file_that_cannot_be_written_is_a_mistake_that_is_told(ask: Any, week: str) -> None:
    said = ask("report", "--html", str(ask.folder / "no" / "such.html"), "--records", week)
    assert said.exit_code == 2
    assert "cannot be written: No such file or directory" in said.stderr


@pytest.mark.parametrize("count", [1, 2, 1000], ids=["one record", "two far apart", "one moment"])
def test_any_time_is_drawn(ask: Any, count: int) -> None:
    (first, *_) = (each for each in week_of_records() if each["result"] == "landed")
    records = [first] * count
    if count == 2:
        records[1] = {**first, "time": "2031-03-02T12:00:00Z", "request_id": "later"}
    text, _ = report(ask, "--records", ask.file("\n".join(map(json.dumps, records))))
    assert text.count("<svg") == 4
    assert "NaN" not in text


@pytest.mark.deep
@needs_chromium
def test_a_browser_opens_the_file_and_says_nothing(ask: Any, week: str) -> None:
    text, path = report(ask, "--records", week, *PERIOD)
    dom, console = opened(path, ask.folder / "profile")
    assert console == ""
    # What it has read is what was written: it dropped and moved nothing.
    assert Page(dom).numbers == Page(text).numbers
    broken = ask.folder / "broken.html"
    broken.write_text(re.sub("<main>", '<main><img src="nowhere.png">', text), encoding="utf-8")
    _, console = opened(broken, ask.folder / "profile")
    assert "nowhere.png" in console


@pytest.mark.deep
@needs_chromium
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_of_the_report_and_of_the_readmes_picture_is_readable(
    ask: Any, week: str, scheme: str
) -> None:
    text, _ = report(ask, "--records", week, *PERIOD)
    picture = f"<!doctype html><body><main>{PICTURE.read_text(encoding='utf-8')}</main>"
    for page in (text, picture):
        texts = texts_in(page, ask.folder / "copy.html", ask.folder / "profile", scheme)
        assert len(texts) > 20
        assert [each for each in texts if each.contrast < READABLE] == []
        # What is behind them is dark where dark is asked for, and light where light is.
        assert all(
            (each.behind < 0.1, each.behind > 0.8) == (scheme == "dark", scheme == "light") for each in texts
        )
