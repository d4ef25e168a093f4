"""What is wrong with a rules document, by the library's own checks, and what was probably meant."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, NamedTuple

from imagecache.base.errors import InputError
from imagecache.base.json_input import MAX_BODY_BYTES, read_json
from imagecache.base.json_schema import schema_folder, violations
from imagecache.policy.rules import NO_RULES, Rules

from ..sources.rules_file import rules_of
from ..wording import names_of

_AT = re.compile(r"at (?P<place>/\S*): (?P<found>.*)", re.DOTALL)
_RULE = re.compile(r"/rules/(?P<number>\d+)(?:/|$)")
_TYPES = {
    "integer": "a number without quotes",
    "boolean": "true or false without quotes",
    "array": "a list: [...]",
    "string": "a text in quotes",
}


class Finding(NamedTuple):
    """One thing about a rules document.

    Attributes:
        place: a JSON pointer.
        rule: the name of the rule there; empty where there is none.
        found: what is wrong, with what was found.
        hint: what was probably meant; empty if that is not known.
    """

    place: str
    rule: str
    found: str
    hint: str = ""


def check(text: str) -> tuple[Rules, Sequence[Finding]]:
    """The rules of a text, and everything that is wrong with it; no rules where anything is.

    Args:
        text: a rules document.
    """
    try:
        document = read_json(text.encode(), limit=MAX_BODY_BYTES, what="document")
    except InputError as error:
        return NO_RULES, [Finding("/", "", error.message)]
    broken = violations(document, "rules")
    if broken:
        return NO_RULES, [
            Finding(
                error.where,
                _rule_at(document, error.where),
                f"breaks rule '{error.rule}', found {error.found}",
                hint,
            )
            for error in broken
            for hint in _hints(document, error)
        ]
    rules, problems = rules_of(text)
    return rules, [_finding(document, problem) for problem in problems]


def _finding(document: Any, problem: str) -> Finding:
    match = _AT.fullmatch(problem)
    place, found = (match["place"], match["found"]) if match else ("/", problem)
    return Finding(place, _rule_at(document, place), found, _hint_of_problem(place, found))


def _hint_of_problem(place: str, found: str) -> str:
    if "has no group" in found:
        return "name the part that is compared: v(?P<key>.+)"
    if "'https:'" in found or "'http:'" in found:
        return "write host/path, without a scheme"
    if place.endswith("/range"):
        return "an npm-style range, such as >=1.0 <2, ^1.2 or 1.x"
    return ""


def _rule_at(document: Any, place: str) -> str:
    """The name of the rule that a pointer leads into, or its number."""
    match = _RULE.match(place)
    rules = document.get("rules") if isinstance(document, dict) else None
    number = int(match["number"]) if match else 0
    if not match or not isinstance(rules, list) or number >= len(rules):
        return ""
    name = rules[number].get("name") if isinstance(rules[number], dict) else None
    return name if isinstance(name, str) else match["number"]


def _hints(document: Any, error: InputError) -> Iterable[str]:
    """One hint, or one for each unknown key."""
    value, node = _followed(document, error.where)
    keyword = error.rule.partition(":")[0]
    if error.rule == "no unknown keys" and isinstance(value, Mapping):
        unknown = [key for key in value if key not in node.get("properties", {})]
        return ["; ".join(_meant(key, node) for key in unknown)]
    if keyword == "enum" and isinstance(value, str):
        close = get_close_matches(
            value, [each for each in node.get("enum", ()) if isinstance(each, str)], n=1
        )
        return [f"did you mean {close[0]}?" if close else ""]
    if keyword == "type":
        kinds = node.get("type", ())
        known = [_TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind in _TYPES]
        return [f"write {' or '.join(known)}" if known else ""]
    if keyword == "not" and isinstance(value, Mapping):
        return [f"policy {value.get('type')} has no range, pattern or keep of this kind"]
    if keyword == "required" and isinstance(value, Mapping) and value.get("type") == "semver":
        return ['semver needs a range; "*" takes every version']
    return [""]


def _meant(key: str, node: Mapping[str, Any]) -> str:
    properties: Mapping[str, Any] = node.get("properties", {})
    for name, member in properties.items():
        if key in _resolved(member).get("properties", {}):
            return f"{key} belongs into {name}"
    folded = {name.lower(): name for name in properties}
    close = get_close_matches(key.lower().replace("_", "").replace("-", ""), list(folded), n=1)
    if close:
        return f"{key}: did you mean {folded[close[0]]}?"
    return f"{key}: known are {names_of(properties, last='and')}"


def _followed(document: Any, pointer: str) -> tuple[Any, Mapping[str, Any]]:
    """The value at a pointer of an error, and the schema that it has to satisfy; empty where none says it."""
    value, node = document, _schema()
    for step in (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:] if part):
        if isinstance(value, list):
            value, node = value[int(step)], _resolved(node.get("items", {}))
        else:
            value, node = value[step], _resolved(node.get("properties", {}).get(step, {}))
    return value, node


def _resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = node.get("$ref", "")
    found: Mapping[str, Any] = _schema()["$defs"][reference.rpartition("/")[2]] if reference else node
    return found


@cache
def _schema() -> Mapping[str, Any]:
    text = (schema_folder() / "rules.schema.json").read_text(encoding="utf-8")
    document: Mapping[str, Any] = json.loads(text)
    return document
