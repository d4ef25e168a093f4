"""The table of sources, the guides that tell of it, and the files that a source consists of are the same."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path

import pytest

from imagecache.base.errors import InputError
from imagecache.base.reasons import Result
from imagecache.model.change import Item, PushEvent
from imagecache.model.webhook_sources import WEBHOOK_SOURCES, Access, Word
from imagecache.triggers.sources import Delivery, read_source

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SOURCES = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARRIVED = datetime(2999, 1, 1, tzinfo=timezone.utc)

WORDS = {
    Access.TOKEN: "token",
    Access.HEADER: "header",
    Access.SIGNATURE: "signature",
    Access.EITHER: "token or signature",
}
"""How the guide calls each way to let in."""

every_source = pytest.mark.parametrize("source", WEBHOOK_SOURCES)


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    (found,) = (body for title, body in zip(parts[1::2], parts[2::2], strict=True) if title == heading)
    return found


def rows() -> dict[str, list[str]]:
    """The cells of the table of sources, without the first ones, by the source."""
    lines = [line for line in SOURCES.splitlines() if line.startswith("| [`")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {re.sub(r"\[`(.*)`\].*", r"\1", first): others for first, *others in cells}


def guide_paths() -> list[str]:
    return re.findall(r"`([\w./*<>-]+/[\w./*<>-]*)`", section(GUIDE, "Add a registry"))


def files_of(source: str, path: str) -> list[Path]:
    return sorted(ROOT.glob(path.replace("<source>", source)))


def read(source: str, sample: Path) -> list[Item] | InputError:
    # As the guide says to set it up, where the payload is no authority.
    registry = "registry.example.com" if WEBHOOK_SOURCES[source].word is Word.URL else None
    delivery = Delivery(ARRIVED, "request-1", registry)
    try:
        return read_source(source, json.loads(sample.read_text(encoding="utf-8")), delivery)
    except InputError as error:
        return error


def pushes(source: str) -> list[PushEvent]:
    read_ones = (read(source, sample) for sample in files_of(source, "tests/payloads/<source>/*.json"))
    return [
        item
        for items in read_ones
        if isinstance(items, list)
        for item in items
        if isinstance(item, PushEvent)
    ]


def test_the_table_of_the_guide_is_the_table_of_the_code() -> None:
    assert list(rows()) == sorted(WEBHOOK_SOURCES)


@every_source
def test_every_path_of_the_guide_exists_for_every_source(source: str) -> None:
    assert {path: bool(files_of(source, path)) for path in guide_paths()} == dict.fromkeys(
        guide_paths(), True
    )


def test_the_guide_names_every_convention() -> None:
    assert {path for path in guide_paths() if "<source>" in path} == {
        "functions/imagecache/triggers/sources/<source>.py",
        "schemas/<source>-*.schema.json",
        "tests/payloads/<source>/",
    }


def test_every_module_beside_the_sources_is_named_in_the_guide() -> None:
    folder = "functions/imagecache/triggers/sources"
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob("*.py")}
    sources = {f"{folder}/{source}.py" for source in WEBHOOK_SOURCES}
    assert sources <= modules
    assert modules - sources == {path for path in guide_paths() if path.startswith(f"{folder}/")} - {
        f"{folder}/<source>.py"
    }


@every_source
def test_a_source_is_told_with_its_schemas_and_its_way_to_let_in(source: str) -> None:
    schemas, access, *_ = rows()[source]
    named = re.findall(r"\[`([\w-]+)`\]\(\.\./schemas/\1\.schema\.json\)", schemas)
    existing = {path.name.removesuffix(".schema.json") for path in files_of(source, "schemas/<source>-*")}
    # The vendor's events through EventBridge are no webhook.
    assert set(named) == existing - {"acr-cloudevent"}
    assert access == WORDS[WEBHOOK_SOURCES[source].access]


@every_source
def test_a_source_is_told_with_what_its_samples_have(source: str) -> None:
    _, _, digest, time, retries = rows()[source]
    assert digest == ("yes" if any(push.digest for push in pushes(source)) else "no")
    assert time == ("yes" if any(push.pushed_at != ARRIVED for push in pushes(source)) else "no")
    assert retries


@every_source
def test_a_source_has_a_section_that_says_how_to_set_it_up(source: str) -> None:
    text = section(SOURCES, source)
    assert f"/webhooks/{source}" in text
    assert f"[`{source}`](#{source})" in SOURCES


@every_source
def test_a_source_has_samples_of_every_fate(source: str) -> None:
    samples = files_of(source, "tests/payloads/<source>/*.json")
    results = {
        item.result
        for sample in samples
        if isinstance(items := read(source, sample), list)
        for item in items
        if not isinstance(item, PushEvent)
    }
    assert pushes(source)
    assert Result.IGNORED in results
    assert [sample for sample in samples if sample.name.startswith("bad_")]


@every_source
def test_every_sample_that_is_called_bad_is_refused(source: str) -> None:
    fates = {
        sample.stem: read(source, sample) for sample in files_of(source, "tests/payloads/<source>/bad_*")
    }
    accepted = [
        name
        for name, fate in fates.items()
        if isinstance(fate, list)
        and not all(not isinstance(item, PushEvent) and item.result is Result.REJECTED for item in fate)
    ]
    assert accepted == []


def test_the_readme_lists_the_sources() -> None:
    listed = ", ".join(f"`{source}`" for source in sorted(WEBHOOK_SOURCES))
    assert f"sources {listed} |" in README


def test_the_links_of_the_guide_lead_somewhere() -> None:
    prose = re.sub(r"^```.*?^```", "", SOURCES, flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", prose)
    assert [target for target in targets if not (ROOT / "docs" / target).exists()] == []
