"""Facts that a push does not need: read where they have their form, else as if they were missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...base.errors import InputError
from ...model.media_types import is_image, media_type
from ...model.reference import check_digest

_PLAIN = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]*")
_REGION = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9._-]*", re.ASCII)
_LONGEST_REGION, _LONGEST_KIND = 64, 64
_MOST_REFERENCES = 1000


def optional_text(value: Any, *, longest: int = 256) -> str:
    """A text that a payload may have, empty if it has something else there, or one that is not printable."""
    fits = isinstance(value, str) and len(value) <= longest and _PLAIN.fullmatch(value)
    return value if fits else ""


def optional_object(value: Any) -> Mapping[str, Any]:
    """An object that a payload may have, empty if it has something else there."""
    return value if isinstance(value, dict) else {}


def optional_region(value: Any) -> str:
    """A region id that a payload may have, empty if it has something else there."""
    text = optional_text(value, longest=_LONGEST_REGION)
    return text if _REGION.fullmatch(text) else ""


def optional_digest(value: Any) -> str | None:
    """A digest that a payload may have, None if it has something else there."""
    try:
        return check_digest(value) if isinstance(value, str) else None
    except InputError:
        return None


def other_artifact(*stated: Any) -> str:
    """The first stated media type that is not an image's, empty if there is none.

    Args:
        stated: what a payload has as the media types of a manifest or its config; what is none counts as
            missing.
    """
    types = (media_type(optional_text(value)) for value in stated)
    return next((name for name in types if name and not is_image(name)), "")


def artifact_among(references: Any) -> str:
    """The first media type among a manifest's references if none of them is an image's, else empty.

    Args:
        references: what a payload has as the descriptors of what a manifest refers to: its config and layers,
            or the manifests of an index.
    """
    listed = references[:_MOST_REFERENCES] if isinstance(references, list) else []
    types = [media_type(optional_text(optional_object(one).get("mediaType"))) for one in listed]
    known = [name for name in types if name]
    return "" if any(map(is_image, known)) else next(iter(known), "")


def other_kind(value: Any, *images: str) -> str:
    """A kind of artifact that a payload names, in one word, if it is not that of an image, else empty.

    Args:
        value: what a payload has as the kind; what is no word counts as missing.
        images: the kinds of images, in lower case.
    """
    word = optional_text(value, longest=_LONGEST_KIND)
    return word if _KIND.fullmatch(word) and word.lower() not in images else ""
