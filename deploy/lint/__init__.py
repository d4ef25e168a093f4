"""Checks of template.yml that need no cloud: against the vendor's property lists and against the code."""

from .check import lint_template
from .problems import Problem

__all__ = ["Problem", "lint_template"]
