"""Validation against the files in ``schemas/``, each compiled once per process when first needed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .json_input import shown
from .reasons import Reason

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

_LONGEST_RULE = 120
_NOTES = frozenset({"description", "examples"})


def schema_folder() -> Path:
    """Where the schemas are: beside this package when deployed, beside ``functions/`` in the source tree."""
    deployed = Path(__file__).parents[2] / "schemas"
    return deployed if deployed.is_dir() else Path(__file__).parents[3] / "schemas"


def validate(document: Any, schema: str, *, where: str = "") -> None:
    """Validate a document.

    Args:
        document: the parsed JSON.
        schema: the schema's file name without ``.schema.json``.
        where: a JSON pointer to the document inside what was received.

    Raises:
        InputError: ``SCHEMA_VIOLATION`` with the JSON pointer, the rule and what was found, for the error
            nearest to the cause.
    """
    validator = _validator(schema)
    if validator.is_valid(document):
        return
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - only needed to explain a refusal

    error = best_match(validator.iter_errors(document))
    raise _explain(error, where)


def violations(document: Any, schema: str) -> list[InputError]:
    """All violations, ordered by place, for a person who wants to see every mistake at once."""
    errors = [_explain(error, "") for error in _validator(schema).iter_errors(document)]
    return sorted(errors, key=lambda error: (error.where, error.rule))


@cache
def _validator(name: str) -> Draft202012Validator:
    # Entry points that check no schema must not pay for this import.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    text = (schema_folder() / f"{name}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text, object_hook=_without_notes))


def _without_notes(schema: dict[str, Any]) -> Any:
    """A schema that only describes what may be anything takes all, without a call for each such member."""
    return True if isinstance(schema.get("description"), str) and schema.keys() <= _NOTES else schema


def _explain(error: ValidationError, where: str) -> InputError:
    keyword: str = str(error.validator)
    value: Any = error.validator_value
    instance: Any = error.instance
    schema: Any = error.schema
    if keyword == "required":
        rule = f"required: {', '.join(key for key in value if key not in instance)}"
        found = f"keys {shown(', '.join(sorted(instance)))}"
    elif keyword == "additionalProperties":
        rule = "no unknown keys"
        found = f"keys {shown(', '.join(sorted(set(instance) - set(schema.get('properties', {})))))}"
    else:
        rule = _rule(keyword, value)
        # The schemas mark what may hold a secret; nothing of it is shown.
        secret = isinstance(schema, dict) and schema.get("writeOnly") is True
        found = "(not shown)" if secret else _found(instance)
    pointer = where + "".join(f"/{_escape(step)}" for step in error.absolute_path)
    return InputError(
        Reason.SCHEMA_VIOLATION,
        f"at {pointer or '/'}: breaks rule '{rule}', found {found}",
        where=pointer or "/",
        rule=rule,
        found=found,
    )


def _found(instance: Any) -> str:
    # The inside of a container was not checked, so it may hold anything.
    if isinstance(instance, (dict, list)):
        kind = "an object" if isinstance(instance, dict) else "an array"
        return f"{kind} with {len(instance)} members"
    return shown(instance)


def _rule(keyword: str, value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    # A long value is a subschema, which says less than its keyword.
    return f"{keyword}: {text}" if len(text) <= _LONGEST_RULE else keyword


def _escape(step: str | int) -> str:
    return shown(str(step).replace("~", "~0").replace("/", "~1"))
