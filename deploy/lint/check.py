"""All checks of a template together. Must not know how any of them is made."""

from __future__ import annotations

from pathlib import Path

from local.template.functions import TemplateError

from .catalog import read_types
from .conditions import check_conditions
from .document import Document, read_document
from .functions import check_functions
from .parameters import check_parameters
from .problems import Problem, in_document_order
from .properties import check_properties
from .references import check_references
from .roles import check_roles
from .triggers import check_triggers, with_destination
from .values import View

__all__ = ["lint_document", "lint_template"]


def lint_template(template: Path, root: Path) -> list[Problem]:
    """Check a template.

    Args:
        template: the file.
        root: the project's top folder, which has the functions and the schemas.

    Returns:
        All problems, in the order of the document.

    Raises:
        CatalogError: the vendor's property lists are not installed.
        OSError: a file cannot be read.
    """
    try:
        document = read_document(template)
    except TemplateError as error:
        return [Problem(template.name, error.problem)]
    return lint_document(document, root)


def lint_document(document: Document, root: Path) -> list[Problem]:
    """The same for a document that is read already."""
    types = read_types({resource.type for resource in document.resources.values()})
    view = View(document, first=True)
    conditions = list(check_conditions(document))
    problems = [
        *document.problems,
        *conditions,
        *check_parameters(document),
        *check_properties(document, view, types),
        *check_references(document, types, conditions_are_right=not conditions),
        *check_functions(document, view, root),
        *check_triggers(document, view, root),
        *check_roles(document, with_destination(document)),
    ]
    return in_document_order(problems, document.raw)
