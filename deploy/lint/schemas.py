"""Checks a part of a template against a JSON Schema, and tells each breach with its place.

A value that is not known yet can stand for several (``Choice``) or be known by its type alone (``Unknown``).
Must not know what any schema is for.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.protocols import Validator

from .problems import Problem

__all__ = ["Choice", "Unknown", "breaches", "read_schema"]

_FORMATS = Draft202012Validator.FORMAT_CHECKER
_NAMES = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
        values: each has to fit.
        source: where they are from, for a message; may have ``{}`` for the value.
        secret: whether no message may show them.
    """

    values: tuple[Any, ...]
    source: str = ""
    secret: bool = False


@dataclass(frozen=True)
class Unknown:
    """A value that only the cloud can tell.

    Attributes:
        type: of JSON Schema; empty if even that is not known.
        source: what gives it.
    """

    type: str = ""
    source: str = ""


@dataclass(frozen=True)
class _Chosen:
    """A value of a choice that breaks something."""

    value: Any
    choice: Choice


def breaches(path: str, instance: Any, schema: Mapping[str, Any]) -> Iterator[Problem]:
    """All that breaks a schema.

    Args:
        path: where the instance is.
        instance: a document, with ``Choice`` and ``Unknown`` in it.
        schema: a JSON Schema.
    """
    for error in _validator()(schema, format_checker=_FORMATS).iter_errors(instance):
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
        yield from _told(path + "".join(steps), error)


@cache
def read_schema(path: Path) -> Mapping[str, Any]:
    """A schema file."""
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


@cache
def _validator() -> Callable[..., Validator]:
    keywords = {name: _spread(name, check) for name, check in Draft202012Validator.VALIDATORS.items()}
    made: Callable[..., Validator] = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, keywords
    )
    return made


def _spread(name: str, check: Callable[..., Any]) -> Callable[..., Iterator[ValidationError]]:
    """The check of a keyword, that takes a choice as each of its values."""

    def spread(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, Unknown):
            if name == "type" and instance.type not in {wanted, ""}:
                given = f"{instance.source} gives {_NAMES[instance.type]}"
                yield ValidationError(f"{_NAMES[wanted]} is expected, and {given}", instance=instance)
        elif isinstance(instance, Choice):
            for value in instance.values:
                for error in spread(validator, wanted, value, schema):
                    # Nearer to the value than what the library fills in afterwards.
                    if not error.absolute_path and not isinstance(error.instance, (Unknown, _Chosen)):
                        error.instance = _Chosen(value, instance)
                    yield error
        else:
            yield from check(validator, wanted, instance, schema) or ()

    return spread


def _told(path: str, error: ValidationError) -> Iterator[Problem]:
    value: Any = error.instance
    wanted: Any = error.validator_value
    choice = Choice(())
    if isinstance(value, _Chosen):
        value, choice = value.value, value.choice
    if isinstance(value, Unknown):
        yield Problem(path, error.message)
    elif error.validator == "required":
        yield from (
            Problem(f"{path}.{name}", "is required and missing") for name in wanted if name not in value
        )
    elif error.validator == "additionalProperties" and isinstance(error.schema, Mapping):
        known = error.schema.get("properties", {})
        unknown = [name for name in value if name not in known]
        yield from (Problem(f"{path}.{name}", f"no such key{_nearest(name, known)}") for name in unknown)
    elif choice.secret:
        yield Problem(path, f"the value of {choice.source} does not fit; it is not shown")
    else:
        told = _MESSAGES.get(str(error.validator), lambda _wanted: "")(wanted)
        message = f"{told} is expected, {value!r} found" if told else error.message
        source = f", as {choice.source.format(repr(value))}" if choice.source else ""
        yield Problem(path, f"{message}{source}")


_MESSAGES: Mapping[str, Callable[[Any], str]] = {
    "type": lambda wanted: " or ".join(
        _NAMES[one] for one in ([wanted] if isinstance(wanted, str) else wanted)
    ),
    "format": lambda wanted: f"a {wanted}",
    "enum": lambda wanted: f"one of {', '.join(map(str, wanted))}",
    "pattern": lambda wanted: f"a text that matches {wanted}",
    "minimum": lambda wanted: f"at least {wanted:g}",
    "maximum": lambda wanted: f"at most {wanted:g}",
    "minLength": lambda wanted: f"a length of at least {wanted:g}",
    "maxLength": lambda wanted: f"a length of at most {wanted:g}",
    "minItems": lambda wanted: f"items: at least {wanted:g}",
    "maxItems": lambda wanted: f"items: at most {wanted:g}",
}


def _nearest(name: Any, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(str(name), known, n=1)
    return f"; {near[0]} may be meant" if near else f"; known are {', '.join(known)}"
