"""How this server behaves where a test wants to choose, or where nobody knows what the cloud does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from .errors import OrderError

__all__ = ["Settings"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "busy_code": ("IncorrectStatus", "ImageCache.IncorrectStatus", "OperationConflict"),
    "tags_mode": ("merge", "replace"),
    "omitted_mode": ("keep", "reset"),
}


@dataclass(frozen=True)
class Settings:
    """The choices.

    Attributes:
        creation_seconds: how long a cache that is being created takes to be Ready or Failed.
        rebuild_seconds: how long an update with images takes.
        time_factor: how many seconds of those pass in one second; a build keeps the one that it began with.
        busy_code: the answer to an update in a status that takes none; the documents name three codes.
        tags_mode: whether tags sent are added to the old ones, or are the new ones.
        omitted_mode: whether a parameter that is left out keeps its value, or gets its default again.
        no_need_update: whether an update that sends the list that the cache has is refused as NoNeedUpdate.
        tag_resources: whether TagResources is served; if not, it is refused as an action that is not known.
        largest_limit: the largest Limit that DescribeImageCaches takes.
    """

    creation_seconds: float = 60.0
    rebuild_seconds: float = 60.0
    time_factor: float = 1.0
    busy_code: str = "IncorrectStatus"
    tags_mode: str = "merge"
    omitted_mode: str = "keep"
    no_need_update: bool = False
    tag_resources: bool = True
    largest_limit: int = 50

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """These settings with some changed.

        Raises:
            OrderError: an unknown name, or a value that it cannot have.
        """
        known = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        values: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in known:
                raise OrderError(f"no setting has the name {name!r}; there are {', '.join(known)}")
            values[name] = float(value) if known[name] is float and type(value) is int else value
            if type(values[name]) is not known[name]:
                raise OrderError(f"{name}: {known[name].__name__} expected, {value!r} found")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise OrderError(f"{name}: one of {', '.join(_CHOICES[name])} expected, {value!r} found")
        settings = replace(self, **values)
        if not (settings.creation_seconds >= 0 and settings.rebuild_seconds >= 0):
            raise OrderError("creation_seconds and rebuild_seconds: 0 or more expected")
        if not (settings.time_factor > 0 and settings.largest_limit > 0):
            raise OrderError("time_factor and largest_limit: more than 0 expected")
        return settings

    def to_json(self) -> dict[str, Any]:
        """By the names of the attributes."""
        return asdict(self)
