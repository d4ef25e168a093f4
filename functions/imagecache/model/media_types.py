"""Which media types are those of images: manifests, multi-arch indexes, and the configs of manifests. Pure.

A chart, a signature or any other artifact has the manifest of an image; only its config says what it is.
"""

from __future__ import annotations

import re

WHOLE_MANIFEST_MEDIA_TYPES = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    }
)
"""Image manifests and multi-arch indexes whose digest is the digest of all their bytes."""

IMAGE_MEDIA_TYPES = WHOLE_MANIFEST_MEDIA_TYPES | {
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
}
"""All image manifests and indexes: of those of version 1, the digest is that of a part of them."""

IMAGE_CONFIG_MEDIA_TYPES = frozenset(
    {"application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json"}
)
"""The configs of image manifests."""

_FORM = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.ASCII)


def media_type(text: str) -> str:
    """A media type in lower case and without parameters, empty if the text is none (RFC 6838)."""
    bare = text.partition(";")[0].strip()
    return bare.lower() if _FORM.fullmatch(bare.lower()) and bare.isascii() else ""


def is_image(name: str) -> bool:
    """Whether a media type, as ``media_type`` gives it, is that of an image's manifest, index or config."""
    return name in IMAGE_MEDIA_TYPES or name in IMAGE_CONFIG_MEDIA_TYPES
