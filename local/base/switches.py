"""Switches: choices that a test or a person makes at run time, as the fields of a frozen dataclass.

Each field is made by ``switch``, which says in one place what its values are and what they mean; checks,
the command line and its help follow from that. Must not know what any switch does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["SwitchError", "changed", "parse", "switch", "table"]

_SettingsT = TypeVar("_SettingsT", bound="DataclassInstance")
_TRUTHS = {"true": True, "false": False}


class SwitchError(ValueError):
    """Raised for an unknown switch, or a value that it cannot have; the text says what is expected."""


def switch(  # noqa: PLR0913 - what a switch takes, and what it means
    default: Any,
    text: str,
    *,
    choices: Sequence[str] = (),
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
) -> Any:
    """A field of a dataclass of switches.

    Args:
        default: the value where nobody chooses; its type is that of all values.
        text: what it chooses, for people.
        choices: the texts that it takes; empty for any.
        least: the least number that it takes; None for any.
        most: the largest number that it takes; None for any.
        above: numbers must be larger than this; None for any.
    """
    metadata = {"text": text, "choices": tuple(choices), "least": least, "most": most, "above": above}
    return field(default=default, metadata=metadata)


def changed(settings: _SettingsT, changes: Mapping[str, Any]) -> _SettingsT:
    """These settings with some changed.

    Raises:
        SwitchError: an unknown name, or a value that it cannot have.
    """
    return replace(settings, **{name: _checked(settings, name, value) for name, value in changes.items()})


def parse(settings: DataclassInstance, text: str) -> tuple[str, Any]:
    """A switch as a command line gives it, ``name=value``: its name, and the value in its type.

    Args:
        settings: the defaults.
        text: of the command line.

    Raises:
        SwitchError: another form, an unknown name, or a value that it cannot have.
    """
    name, equals, written = text.partition("=")
    if not equals:
        raise SwitchError(f"NAME=VALUE is expected, {text!r} found")
    kind = type(_field(settings, name).default)
    value: Any = written
    if kind is bool:
        value = _TRUTHS.get(written, written)
    elif kind in {int, float}:
        try:
            value = kind(written)
        except ValueError:
            raise SwitchError(f"{name}: {kind.__name__} expected, {written!r} found") from None
    return name, _checked(settings, name, value)


def table(settings: DataclassInstance) -> str:
    """The switches for a help text: one or two lines each, with values and default."""
    return "\n".join(
        f"  {one.name}={_values(one)} ({_shown(one.default)})\n      {one.metadata['text']}"
        for one in fields(settings)
    )


def _checked(settings: DataclassInstance, name: str, value: Any) -> Any:
    one = _field(settings, name)
    kind = type(one.default)
    taken = float(value) if kind is float and type(value) is int else value
    if type(taken) is not kind:
        raise SwitchError(f"{name}: {kind.__name__} expected, {value!r} found")
    rules = one.metadata
    if rules["choices"] and taken not in rules["choices"]:
        raise SwitchError(f"{name}: one of {', '.join(rules['choices'])} expected, {value!r} found")
    # Written so that a value that is not a number at all (NaN) fails each of them.
    if rules["least"] is not None and not taken >= rules["least"]:
        raise SwitchError(f"{name}: {rules['least']} or more expected, {value!r} found")
    if rules["most"] is not None and not taken <= rules["most"]:
        raise SwitchError(f"{name}: {rules['most']} or less expected, {value!r} found")
    if rules["above"] is not None and not taken > rules["above"]:
        raise SwitchError(f"{name}: more than {rules['above']} expected, {value!r} found")
    return taken


def _field(settings: DataclassInstance, name: str) -> Any:
    known = {one.name: one for one in fields(settings)}
    if name not in known:
        raise SwitchError(f"no setting has the name {name!r}; there are {', '.join(known)}")
    return known[name]


def _values(one: Any) -> str:
    if one.metadata["choices"]:
        return "|".join(one.metadata["choices"])
    return {bool: "true|false", int: "N", float: "NUMBER", str: "TEXT"}[type(one.default)]


def _shown(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default) or "none"
