"""Reading the rules from ``IMC_RULES`` or the file that ``IMC_RULES_FILE`` names, with all problems at once.

A text is checked once in a process; passwords are read each time, from the environment variables that the
rules name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..base.environment import Environment
from ..base.errors import InputError
from ..base.json_input import MAX_BODY_BYTES, read_json
from ..base.json_schema import violations
from ..model.registry_identity import registry_identity
from ..model.selector import ALL_CACHES, read_selector
from ..policy.rules import NO_RULES, RepositoryGlob, Rule, Rules, read_repository_glob
from ..policy.tag_policy import Policy
from .setting_table import RULES, RULES_FILE

_TEXT, _FILE = RULES.name, RULES_FILE.name
_FOLDER = Path(__file__).parents[2]
_NAMES = {"vSwitchId": "VSwitchId", "domains": "Domain", "passwordEnv": "Password"}
"""The API's names that are not ours with a capital letter."""


def read_rules(env: Environment) -> Rules:
    """The rules of an environment; problems are noted there, with JSON pointers and without secrets.

    Args:
        env: the environment. A relative file name counts from the folder of the entry points.
    """
    text, file = env.text(_TEXT), env.text(_FILE)
    if text and file:
        env.problems.append(f"{_TEXT} and {_FILE} are both set; set only one of them")
        return NO_RULES
    name = _FILE if file else _TEXT
    data = text.encode("utf-8", errors="replace")
    if file:
        try:
            data = _read_bounded(_FOLDER / file)
        except OSError as error:
            env.problems.append(f"{_FILE}: {file[:200]!a} cannot be read: {error.strerror}")
            return NO_RULES
    if not data.strip():
        if file:
            env.problems.append(f"{_FILE}: {file[:200]!a} is empty")
        return NO_RULES
    document, problems = _checked(data)
    if not problems:
        rules, problems = _build(document, env)
        if not problems:
            return rules
    env.problems.extend(f"{name} {problem}" for problem in problems)
    return NO_RULES


@lru_cache(maxsize=2)
def _checked(data: bytes) -> tuple[Any, Sequence[str]]:
    """The parsed document, and the rules of its schema that it breaks."""
    try:
        document = read_json(data, limit=MAX_BODY_BYTES, what="document")
    except InputError as error:
        return None, (f"has no rules: {error.message}",)
    return document, tuple(error.message for error in violations(document, "rules"))


def _read_bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BODY_BYTES + 1)


def _build(document: Mapping[str, Any], env: Environment) -> tuple[Rules, Sequence[str]]:
    """The rules of a schema-valid document, and the problems that the schema cannot find."""
    problems: list[str] = []
    aliases = _aliases(document.get("registryAliases", {}), problems)
    rules = [
        _rule(rule, f"/rules/{index}", aliases, env, problems) for index, rule in enumerate(document["rules"])
    ]
    names = [rule.name for rule in rules]
    for index, name in enumerate(names):
        if name in names[:index]:
            problems.append(f"at /rules/{index}/name: {name!a} is the name of rule {names.index(name)} too")
    return Rules(tuple(rules), aliases), problems


def _aliases(document: Mapping[str, str], problems: list[str]) -> Mapping[str, str]:
    aliases: dict[str, str] = {}
    for domain, registry in document.items():
        try:
            aliases[registry_identity(domain)] = registry_identity(registry)
        except InputError as error:
            problems.append(f"at /registryAliases/{_escape(domain)}: {error.message}")
    problems.extend(
        f"at /registryAliases: {registry} is an alias itself"
        for registry in aliases.values()
        if registry in aliases
    )
    return aliases


def _rule(
    document: Mapping[str, Any], where: str, aliases: Mapping[str, str], env: Environment, problems: list[str]
) -> Rule:
    images = document.get("images", {})
    return Rule(
        name=document.get("name", where.rpartition("/")[2]),
        caches=read_selector(document["caches"]) if "caches" in document else ALL_CACHES,
        repositories=tuple(_globs(images.get("repositories", ()), where, aliases, problems)),
        tags=tuple(images.get("tags", ())),
        policy=_policy(document.get("policy", {"type": "exact"}), f"{where}/policy", problems),
        cooldown_seconds=int(document.get("cooldownSeconds", 0)),
        reads_registry="registry" in document,
        restores_failed=document.get("restoreFailed", True),
        min_age_seconds=int(document.get("minAgeSeconds", 0)),
        keep_ready=_keep_ready(document.get("keepReady", 0)),
        approval=document.get("approval", False),
        update=_update(document.get("update", {}), f"{where}/update", env, problems),
    )


def _keep_ready(value: str | float) -> int | str:
    return value if isinstance(value, str) else int(value)


def _globs(
    texts: list[str], where: str, aliases: Mapping[str, str], problems: list[str]
) -> Iterator[RepositoryGlob]:
    for index, text in enumerate(texts):
        try:
            yield read_repository_glob(text, aliases)
        except InputError as error:
            problems.append(f"at {where}/images/repositories/{index}: {error.message}")


def _policy(document: Mapping[str, Any], where: str, problems: list[str]) -> Policy:
    policy = Policy(
        document["type"], int(document.get("keep", 1)), document.get("range", "*"), document.get("pattern")
    )
    if policy.pattern is not None:
        from ..policy.tag_pattern import check_pattern  # noqa: PLC0415 - see Policy.judge

        try:
            check_pattern(policy.pattern)
        except ValueError as error:
            problems.append(f"at {where}/pattern: {error}")
    if policy.type == "semver":
        from ..policy.version_range import read_range  # noqa: PLC0415 - see Policy.judge

        try:
            read_range(policy.range)
        except ValueError as error:
            problems.append(f"at {where}/range: is not a range: {str(error)[:200]}")
    return policy


def _update(document: Mapping[str, Any], where: str, env: Environment, problems: list[str]) -> dict[str, Any]:
    """The parameters by the API's names, passwords filled in."""

    def named(value: Any, place: str) -> Any:
        if isinstance(value, Mapping):
            return {
                _NAMES.get(key, key[:1].upper() + key[1:]): (password if key == "passwordEnv" else named)(
                    member, f"{place}/{key}"
                )
                for key, member in value.items()
            }
        if isinstance(value, list):
            return [named(member, f"{place}/{index}") for index, member in enumerate(value)]
        return value

    def password(variable: str, place: str) -> str:
        text = env.text(variable)
        if not text:
            # The name is not shown: it may be the password itself, in the wrong place.
            problems.append(f"at {place}: the environment has no variable of this name, or it is empty")
        return text

    filled: dict[str, Any] = named(document, where)
    return filled


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
