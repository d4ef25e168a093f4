"""Validation against the files in ``schemas/``, each compiled once per process when first needed."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .documents import shown
from .errors import InputError
from .reasons import Reason

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

__all__ = ["schema_folder", "validate"]


def schema_folder() -> Path:
    """Where the schemas are: beside this package when deployed, beside ``functions/`` in the source tree."""
    deployed = Path(__file__).parents[1] / "schemas"
    return deployed if deployed.is_dir() else Path(__file__).parents[2] / "schemas"


def validate(document: Any, schema: str, *, where: str = "") -> None:
    """Validate a document.

    Args:
        document: the parsed JSON.
        schema: the schema's file name without ``.schema.json``.
        where: a JSON pointer to the document inside what was received.

    Raises:
        InputError: ``SCHEMA_VIOLATION`` with the JSON pointer, the rule and what was found, of the
            error that lies nearest to the cause.
    """
    validator = _validator(schema)
    if validator.is_valid(document):
        return
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - only needed to explain a refusal

    error = best_match(validator.iter_errors(document))
    raise _explain(error, where)


@lru_cache(maxsize=None)
def _validator(name: str) -> Draft202012Validator:
    # Entry points whose input is not checked against a schema must not pay for this import.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    text = (schema_folder() / f"{name}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def _explain(error: ValidationError, where: str) -> InputError:
    path = list(error.absolute_path)
    rule = _rule(error)
    found = shown(error.instance)
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        rule = f"required: {', '.join(missing)}"
        found = f"keys {shown(', '.join(sorted(error.instance)))}"
    elif error.validator == "additionalProperties":
        rule = "no unknown keys"
        known = error.schema.get("properties", {})
        found = f"keys {shown(', '.join(sorted(key for key in error.instance if key not in known)))}"
    pointer = where + "".join(f"/{_escape(step)}" for step in path)
    return InputError(
        Reason.SCHEMA_VIOLATION,
        f"at {pointer or '/'}: breaks rule '{rule}', found {found}",
        where=pointer or "/",
        rule=rule,
        found=found,
    )


def _rule(error: ValidationError) -> str:
    value = json.dumps(error.validator_value, ensure_ascii=True)
    readable = value if len(value) <= 120 else "..."  # noqa: PLR2004 - a subschema tells less than its keyword
    return f"{error.validator}: {readable}"


def _escape(step: str | int) -> str:
    return shown(str(step).replace("~", "~0").replace("/", "~1"))
