"""How this server behaves where a test wants to choose, or where nobody knows what the cloud does.

This is the one table of its switches: name, values, default and meaning. A build keeps the settings that its
update was accepted with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..base.switches import changed, switch

__all__ = ["Settings"]

_KEPT = ("keep", "restore")


@dataclass(frozen=True)
class Settings:
    """The choices; ``switch`` says what each means."""

    creation_seconds: float = switch(
        60.0, "how long a cache that is being created takes to be Ready or Failed", least=0
    )
    rebuild_seconds: float = switch(
        60.0, "how long an update with images takes; a cache may have a time of its own", least=0
    )
    time_factor: float = switch(1.0, "how many seconds of those pass in one second", above=0)
    largest_limit: int = switch(50, "the largest Limit that DescribeImageCaches takes", above=0)
    busy_code: str = switch(
        "IncorrectStatus",
        "the answer to an update in a status that takes none",
        choices=("IncorrectStatus", "ImageCache.IncorrectStatus", "OperationConflict"),
    )
    busy_mode: str = switch(
        "refuse",
        "an update that arrives while another runs: refused, or begun when that ends",
        choices=("refuse", "queue"),
    )
    no_need_update: str = switch(
        "never",
        "when an update with an unchanged list is refused as NoNeedUpdate; any: in UpdateFailed too",
        choices=("never", "ready", "any"),
    )
    tags_mode: str = switch(
        "merge",
        "an update's tags are added to the old ones, are the new ones, or are ignored",
        choices=("merge", "replace", "drop"),
    )
    tags_applied: str = switch("start", "when an update's tags are applied", choices=("start", "end"))
    tags_after_failure: str = switch(
        "keep", "the tags that a failed update carried: kept, or put back to those before", choices=_KEPT
    )
    images_after_failure: str = switch(
        "keep", "the list of a failed update: kept, or put back to the one before", choices=_KEPT
    )
    omitted_mode: str = switch(
        "keep",
        "a parameter that an update leaves out keeps its value, or gets its default again",
        choices=("keep", "reset"),
    )
    tag_calls: str = switch(
        "serve",
        "TagResources and UntagResources: served, 403 Forbidden, or an unknown action",
        choices=("serve", "forbid", "unknown"),
    )
    listing_lag_seconds: float = switch(
        0.0, "how old what DescribeImageCaches shows is, where no ImageCacheId is asked for", least=0
    )
    read_lag_seconds: float = switch(0.0, "the same where an ImageCacheId is asked for", least=0)
    show_events: bool = switch(default=True, text="whether DescribeImageCaches shows events")
    failing_images: str = switch(
        "", "a glob: an update with an image that matches it fails; several with commas between"
    )

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """These settings with some changed.

        Raises:
            SwitchError: an unknown name, or a value that it cannot have.
        """
        return changed(self, changes)

    def to_json(self) -> dict[str, Any]:
        """By the names of the attributes."""
        return asdict(self)
