"""Mutations of a document's structure: keys, types, values, places."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .vocabulary import confused, odd_value, replaced_name

__all__ = ["mutated"]

_MORE = 0.35
"""How likely another mutation follows each."""
_MOST = 8
_WHOLE = 0.03
"""How often the document as a whole is the place to change."""
_SAME_KEY = 0.7


class _Place(NamedTuple):
    """A member of an object or an array."""

    container: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.container[self.key]

    def put(self, value: Any) -> None:
        self.container[self.key] = value


def mutated(document: Any, others: Sequence[Any], chance: random.Random) -> Any:
    """A mutated copy of a document.

    Args:
        document: left as it is.
        others: documents whose parts may be put in.
        chance: decides everything.
    """
    root = [copy.deepcopy(document)]
    for count in range(_MOST):
        if count and chance.random() > _MORE:
            break
        chance.choices(_MUTATIONS, _WEIGHTS)[0](root, others, chance)
    return root[0]


def _places(root: Any) -> list[_Place]:
    """Every member below the root, the document itself first."""
    found: list[_Place] = []
    level: list[Any] = [root]
    while level:
        container = level.pop()
        keys: Sequence[Any] = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append(_Place(container, key))
            if isinstance(container[key], (dict, list)):
                level.append(container[key])
    return found


def _any_place(root: Any, chance: random.Random) -> _Place:
    places = _places(root)
    return chance.choice(places[1:] or places) if chance.random() > _WHOLE else places[0]


def _text_place(root: Any, chance: random.Random) -> _Place | None:
    places = [place for place in _places(root) if isinstance(place.value, str)]
    return chance.choice(places) if places else None


def _member(root: Any, chance: random.Random) -> _Place | None:
    places = [place for place in _places(root) if isinstance(place.container, dict)]
    return chance.choice(places) if places else None


def _delete(root: Any, _: Sequence[Any], chance: random.Random) -> None:
    place = _any_place(root, chance)
    if place.container is not root:
        del place.container[place.key]


def _rename(root: Any, _: Sequence[Any], chance: random.Random) -> None:
    if place := _member(root, chance):
        value = place.container.pop(place.key)
        place.container[_other_key(place, chance)] = value


def _double(root: Any, _: Sequence[Any], chance: random.Random) -> None:
    """The same member once more, under almost the same key, perhaps with another value."""
    if place := _member(root, chance):
        value = copy.deepcopy(place.value) if chance.randrange(2) else odd_value(chance)
        place.container[_other_key(place, chance)] = value


def _other_key(place: _Place, chance: random.Random) -> str:
    key = place.key
    forms = (
        key.upper(),
        key.lower(),
        key.swapcase(),
        key.title(),
        f"{key} ",
        f"_{key}",
        key[:-1],
        f"{key}\x00",
    )
    taken = tuple(place.container) or (key,)
    return chance.choice((*forms, chance.choice(taken), "__proto__", "\ud800", "k" * 300))


def _odd(root: Any, _: Sequence[Any], chance: random.Random) -> None:
    _any_place(root, chance).put(odd_value(chance))


def _confuse(root: Any, _: Sequence[Any], chance: random.Random) -> None:
    if place := _text_place(root, chance):
        place.put(confused(place.value, chance))


def _name(root: Any, _: Sequence[Any], chance: random.Random) -> None:
    if place := _text_place(root, chance):
        place.put(replaced_name(place.value, chance))


def _retype(root: Any, _: Sequence[Any], chance: random.Random) -> None:
    place = _any_place(root, chance)
    value = place.value
    choices: list[Any] = [[value], {"value": value}, str(value)[:2000], [value, value], None, bool(value)]
    if isinstance(value, list) and value:
        choices += [
            value[0],
            value[::-1],
            value + value,
            {str(index): each for index, each in enumerate(value)},
        ]
    if isinstance(value, dict):
        choices += [list(value.values()), [[key, each] for key, each in value.items()]]
    place.put(chance.choice(choices))


def _move(root: Any, _: Sequence[Any], chance: random.Random) -> None:
    """Exchange two values, wherever they are."""
    first, second = _any_place(root, chance), _any_place(root, chance)
    one, other = copy.deepcopy(first.value), copy.deepcopy(second.value)
    first.put(other)
    if second.container is root or any(second.container is place.container for place in _places(root)):
        second.put(one)


def _graft(root: Any, others: Sequence[Any], chance: random.Random) -> None:
    """Put a part of another document in, at the same key where there is one."""
    taken = chance.choice(_places([chance.choice(others)]))
    same = [place for place in _places(root) if place.key == taken.key]
    place = chance.choice(same) if same and chance.random() < _SAME_KEY else _any_place(root, chance)
    place.put(copy.deepcopy(taken.value))


def _splice(root: Any, others: Sequence[Any], chance: random.Random) -> None:
    """Join the members of two documents, or of two objects in them."""
    other = copy.deepcopy(chance.choice(others))
    if isinstance(root[0], dict) and isinstance(other, dict):
        kept = {key: value for key, value in other.items() if chance.randrange(2)}
        root[0] = {**root[0], **kept} if chance.randrange(2) else {**kept, **root[0]}
    elif isinstance(root[0], list):
        root[0].append(other)


def _repeat(root: Any, others: Sequence[Any], chance: random.Random) -> None:
    """Make an array longer, with its own members or with others."""
    arrays = [place.value for place in _places(root) if isinstance(place.value, list)]
    if arrays:
        array = chance.choice(arrays)
        extra = [copy.deepcopy(each) for each in array] + [chance.choice((*others, odd_value(chance)))]
        array.insert(chance.randrange(len(array) + 1), copy.deepcopy(chance.choice(extra)))


_Mutation = Callable[[Any, Sequence[Any], random.Random], None]
_TABLE: dict[_Mutation, int] = {
    _delete: 8,
    _rename: 5,
    _double: 6,
    _odd: 14,
    _confuse: 18,
    _name: 28,
    _retype: 6,
    _move: 5,
    _graft: 6,
    _splice: 3,
    _repeat: 4,
}
_MUTATIONS, _WEIGHTS = list(_TABLE), list(_TABLE.values())
