"""All checks of a template together. Must not know how any of them is made."""

from __future__ import annotations

from pathlib import Path

from local.template.functions import TemplateError

from .conditions import check_conditions
from .document import form_problems, read_document
from .functions import check_functions
from .parameters import check_parameters
from .problems import Problem, in_document_order
from .properties import check_properties
from .references import check_references
from .roles import check_roles
from .schemas import read_schema
from .triggers import check_triggers, with_destination
from .values import View

__all__ = ["lint_template"]

RESOURCE_TYPES = Path(__file__).with_name("resource-types.schema.json")
"""The vendor's property lists, as far as the template needs them: ``make resource-types`` makes it."""


def lint_template(template: Path, root: Path) -> list[Problem]:
    """Check a template.

    Args:
        template: the file.
        root: the project's top folder, which has the functions and the schemas.

    Returns:
        All problems, in the order of the document; those of its form alone if there are any.

    Raises:
        OSError: a file cannot be read.
    """
    try:
        raw, wrong = form_problems(template)
    except TemplateError as error:
        return [Problem(template.name, error.problem)]
    if wrong:
        return in_document_order(wrong, raw)
    document = read_document(raw)
    types = read_schema(RESOURCE_TYPES)["$defs"]
    view = View(document, first=True)
    conditions = list(check_conditions(document))
    problems = [
        *conditions,
        *check_parameters(document),
        *check_properties(document, view, types),
        *check_references(document, types, conditions_are_right=not conditions),
        *check_functions(document, view, root),
        *check_triggers(document, view, root),
        *check_roles(document, with_destination(document)),
    ]
    return in_document_order(problems, document.raw)
