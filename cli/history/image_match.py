"""Whether a pushed image is the one that a person names. Pure.

A registry has several host names; an image without a host is one of any registry, as it is read aloud.
"""

from __future__ import annotations

from functools import lru_cache

from imagecache.base.errors import InputError
from imagecache.model.globs import glob_matches
from imagecache.model.reference import ImageRef, is_host, parse_reference
from imagecache.model.registry_identity import registry_identity

_GLOB = frozenset("*?")


def image_matches(wanted: str, image: str, digest: str = "") -> bool:
    """Whether an image is meant.

    Args:
        wanted: an image, or a glob over images; without a tag all tags are meant.
        image: that was pushed.
        digest: of what was pushed, if it is known.
    """
    if not image:
        return False
    path = _parted(image)[1]
    if _GLOB & set(wanted):
        return glob_matches(wanted, image if _has_host(wanted) else path)
    asked, pushed = _reference(wanted), _reference(image)
    if asked is None or pushed is None:
        return False
    if _has_host(wanted) and registry_identity(asked.host) != registry_identity(pushed.host):
        return False
    repository = (
        asked.repository if _has_host(wanted) else _parted(wanted)[1].partition("@")[0].partition(":")[0]
    )
    return (
        pushed.repository in {repository, asked.repository}
        and asked.tag in {None, pushed.effective_tag}
        and asked.digest in {None, digest}
    )


def is_image(text: str) -> bool:
    """Whether a text can be an image's name."""
    return bool(_GLOB & set(text)) or _reference(text) is not None


def _has_host(text: str) -> bool:
    first, slash, _ = text.partition("/")
    return bool(slash) and (is_host(first) or bool(_GLOB & set(first)))


def _parted(text: str) -> tuple[str, str]:
    """Host and the rest; the host may be missing."""
    first, slash, rest = text.partition("/")
    return (first, rest) if slash and is_host(first) else ("", text)


@lru_cache(maxsize=4096)
def _reference(text: str) -> ImageRef | None:
    try:
        return parse_reference(text)
    except InputError:
        return None
