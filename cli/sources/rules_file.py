"""The rules that a person names: read by the library, as a function reads them.

On a person's machine the passwords that rules name are not there, and nothing here needs them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

import click

from imagecache.base.environment import Environment
from imagecache.config.setting_table import RULES
from imagecache.policy.rules import NO_RULES, Rules

from ..problem import Problem
from .files import called, read_text

_T = TypeVar("_T")


class _AnyPassword(Mapping[str, str]):
    """An environment with a rules document, in which every password is set."""

    def __init__(self, rules: str) -> None:
        self._own = {RULES.name: rules}

    def __getitem__(self, name: str) -> str:
        if name in self._own or name.startswith("IMC_"):
            return self._own[name]
        return os.environ.get(name) or "(not known here)"

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


def rules_option(command: Callable[..., _T]) -> Callable[..., _T]:
    """The option of a command that asks what rules would do."""
    return click.option(
        "--rules", "rules_file", metavar="FILE", help="The rules; without it there are none (policy exact)."
    )(command)


def read_rules_text(name: str) -> str:
    """The text of a file of rules; ``-`` is standard input.

    Raises:
        Problem: when there is none.
    """
    text = read_text(name)
    if not text.strip():
        raise Problem(f"{called(name)} is empty", 'No rules are {"rules": []}.')
    return text


def rules_of(text: str) -> tuple[Rules, list[str]]:
    """The rules of a document, and what is wrong with it, a line for each; no rules where anything is."""
    env = Environment(_AnyPassword(text))
    from imagecache.config.rules_file import read_rules  # noqa: PLC0415 - many questions need no rules

    rules = read_rules(env)
    return rules, [problem.removeprefix(f"{RULES.name} ") for problem in env.problems]


def read_rules_file(name: str | None) -> Rules:
    """The rules of a file, none without one.

    Raises:
        Problem: when they are not valid.
    """
    if name is None:
        return NO_RULES
    rules, problems = rules_of(read_rules_text(name))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise Problem(
            f"{called(name)} {problems[0]}{more}", f"imc-refresh rules test {name} says all, with hints."
        )
    return rules


def without_registries(rules: Rules) -> tuple[Rules, list[str]]:
    """The same rules where no registry can be asked, and the names of those that would ask one."""
    asking = [rule.name for rule in rules.rules if rule.reads_registry]
    if not asking:
        return rules, []
    return replace(rules, rules=tuple(replace(rule, reads_registry=False) for rule in rules.rules)), asking
