"""``imc-refresh rules``: are these rules right, what do they say, and what does each cache get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from imagecache.base.errors import InputError
from imagecache.model.reference import check_tag
from imagecache.policy.rules import Rules

from ..output import json_option, print_json, print_table, print_text
from ..problem import ANSWERED, WRONG, Problem
from ..sources.files import called, parse_json, read_text, why_not_json
from ..sources.fleet import CacheSource, Fleet, reads_caches
from ..sources.rules_file import read_rules_text
from ..wording import policy_text
from .expectations import Checked, check_expectations
from .hints import Finding, check
from .sentences import sentences
from .warnings import Governed, governed, of_caches, of_rules, of_tags

_TAGS = 'Tags are a line each, ["v1", "v2"], or {"tags": ["v1", "v2"]}.'
_EXAMPLES = """\b
Examples:
  imc-refresh rules test rules.json
  imc-refresh rules test rules.json --caches caches.json --tags tags.txt --expect wanted.json
  imc-refresh rules explain rules.json"""


@click.group("rules", epilog=_EXAMPLES)
def command() -> None:
    """Check rules, and say what they mean."""


@dataclass(frozen=True)
class _Tested:
    """What was found out about a document of rules.

    Attributes:
        rules: none where there is a mistake.
        mistakes: what a function would refuse.
        warnings: what is allowed, and can hardly be meant.
        fleet: the caches, if there are any to look at.
        wanted: what was expected of pushes.
        strict: whether warnings count as mistakes.
    """

    rules: Rules
    mistakes: Sequence[Finding]
    warnings: Sequence[Finding] = ()
    fleet: Fleet | None = None
    wanted: Sequence[Checked] = ()
    strict: bool = False

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        warned = self.strict and bool(self.warnings)
        return not self.mistakes and not warned and all(each.met for each in self.wanted)

    @property
    def governed(self) -> Sequence[Governed]:
        """The entries of the caches, each with its rule."""
        return governed(self.rules, self.fleet.caches if self.fleet else ())


@command.command("test", epilog=_EXAMPLES)
@click.argument("file")
@reads_caches
@click.option(
    "--tags", "tags_file", metavar="FILE", help="Tags of a repository: a line each, or a JSON list."
)
@click.option(
    "--expect",
    "expect_file",
    metavar="FILE",
    help='A JSON list of {"image", "cache", "want"}: what a push of the image has to do to the cache.',
)
@click.option("--strict", is_flag=True, help="Warnings count as mistakes.")
@json_option
def test(  # noqa: PLR0913 - a parameter for each option
    file: str,
    source: CacheSource,
    tags_file: str | None,
    expect_file: str | None,
    *,
    strict: bool,
    as_json: bool,
) -> None:
    """Check the rules in FILE; exit with 1 where something is wrong.

    It shows mistakes with place, rule and what was found, and warnings about what can never match. With
    caches it also shows which rule each of their entries gets.
    """
    if expect_file is not None and not source.given:
        raise Problem("--expect needs caches", "Name them with --caches, --local or --region.")
    rules, mistakes = check(read_rules_text(file))
    tags = read_tags(tags_file) if tags_file is not None else []
    tested = _Tested(rules, mistakes)
    if not mistakes:
        fleet = source.read() if source.given else None
        tested = _Tested(
            rules,
            mistakes,
            [*of_rules(rules), *of_tags(rules, tags), *(of_caches(rules, fleet.caches) if fleet else ())],
            fleet,
            check_expectations(expect_file, fleet, rules) if fleet and expect_file is not None else (),
            strict,
        )
        if fleet:
            fleet.say_notes()
    if as_json:
        print_json(_document(tested))
    else:
        _print(file, tested)
    click.get_current_context().exit(ANSWERED if tested.right else WRONG)


@command.command("explain", epilog=_EXAMPLES)
@click.argument("file")
@json_option
def explain(file: str, *, as_json: bool) -> None:
    """Say in a sentence what each rule in FILE means."""
    rules, mistakes = check(read_rules_text(file))
    if mistakes:
        raise Problem(
            f"{file} at {mistakes[0].place}: {mistakes[0].found}", f"imc-refresh rules test {file} says all."
        )
    said = list(sentences(rules))
    if as_json:
        print_json(
            {"rules": [{"rule": name, "says": text} for name, text in said], "aliases": dict(rules.aliases)}
        )
        return
    for name, text in said:
        print_text(name, bold=True)
        print_text(f"  {text}")
    for domain, registry in rules.aliases.items():
        print_text(f"{domain} is {registry}.")
    print_text("Any other entry: only a push of the very tag that is listed rebuilds the cache.")


def read_tags(name: str) -> list[str]:
    """Tags from a file: a line each, a JSON list of texts, or what a registry's list of tags is.

    Raises:
        Problem: when it holds something else.
    """
    text = read_text(name, "utf-8-sig").strip()
    if not text.startswith(("[", "{")):
        return _checked(
            name, [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        )
    try:
        document = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise Problem(f"{called(name)} is not JSON: {why_not_json(error)}", _TAGS) from None
    tags = document.get("tags") if isinstance(document, dict) else document
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise Problem(f"{called(name)} has no list of tags", _TAGS)
    return _checked(name, tags)


def _checked(name: str, tags: list[str]) -> list[str]:
    for tag in tags:
        try:
            check_tag(tag)
        except InputError as error:
            raise Problem(f"{called(name)}: {error.message}", _TAGS) from None
    return tags


def _document(tested: _Tested) -> dict[str, Any]:
    return {
        "right": tested.right,
        "rules": [rule.name for rule in tested.rules.rules],
        "mistakes": [finding._asdict() for finding in tested.mistakes],
        "warnings": [finding._asdict() for finding in tested.warnings],
        "entries": [
            {
                "region_id": each.cache.region_id,
                "image_cache_id": each.cache.image_cache_id,
                "image_cache_name": each.cache.name,
                "entry": each.entry.text,
                "rule": each.rule.name if each.rule else None,
                "policy": policy_text(each.rule),
            }
            for each in tested.governed
        ],
        "expectations": [checked.as_document() for checked in tested.wanted],
    }


def _print(file: str, tested: _Tested) -> None:
    if tested.mistakes:
        _print_findings(f"{file}: {_count(tested.mistakes, 'mistake')}", tested.mistakes)
        return
    print_text(f"{file}: {_count(tested.rules.rules, 'rule')}, no mistake")
    if tested.warnings:
        print_text()
        _print_findings("Warnings", tested.warnings)
    if tested.fleet is not None:
        print_text()
        print_table(
            ("CACHE", "ENTRY", "RULE", "POLICY"),
            [
                (
                    tested.fleet.label(each.cache.region_id, each.cache.image_cache_id),
                    each.entry.text,
                    each.rule.name if each.rule else "",
                    policy_text(each.rule),
                )
                for each in tested.governed
            ],
        )
    if tested.wanted:
        failed = [checked for checked in tested.wanted if not checked.met]
        print_text()
        print_table(
            ("IMAGE", "CACHE", "WANTED", "FOUND"),
            [(each.image, each.cache, each.want_text, each.found_text) for each in failed],
            f"Expectations: {len(tested.wanted) - len(failed)} of {len(tested.wanted)} met",
        )


def _count(things: Sequence[Any], word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _print_findings(title: str, findings: Sequence[Finding]) -> None:
    print_table(
        ("PLACE", "RULE", "FOUND", "HINT"),
        [(each.place, each.rule, each.found, each.hint) for each in findings],
        title,
    )
