"""Reading what a registry answers (OCI distribution specification 1.1): tags, pages, digests, errors.

An answer that could be half of one, or another server's, is an error: whoever takes it for whole loses a tag
or rebuilds for nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from ..base.errors import InputError, RegistryError
from ..model.reference import check_digest, check_tag

_LINK = re.compile(r"<([^<>]*)>([^<>]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\"|next(?=[\s;,]|$))", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HASHED_WHOLE = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    }
)
"""Manifests whose digest is that of their bytes; of the first version's, it is that of a part of them."""


def listed_tags(body: bytes, *, where: str) -> list[str]:
    """The tags of one page, as listed; ``null`` means none.

    Raises:
        RegistryError: when the body is no list of tags.
    """
    document = _json(body)
    if not isinstance(document, dict) or "tags" not in document:
        raise RegistryError(f"{where}: an answer that is no list of tags")
    tags = document["tags"]
    if tags is None:
        return []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise RegistryError(f"{where}: a list of tags with something else in it")
    return tags


def valid_tags(listed: list[str]) -> set[str]:
    """Those that are tags: no image can be named by the others."""
    return {tag for tag in listed if _is_tag(tag)}


def next_page(headers: Mapping[str, str], url: str, *, where: str) -> str | None:
    """The URL of the page after this one, or None if no link says that there is one.

    Args:
        headers: of the answer; the ``Link`` with the relation ``next`` counts, relative or absolute.
        url: of this page; another scheme, host or port is never followed.
        where: what the text of an error begins with.

    Raises:
        RegistryError: when there is a next page that cannot be asked for.
    """
    header = headers.get("Link", "")
    target = next((link for link, relation in _LINK.findall(header) if _NEXT.search(relation)), None)
    if target is None:
        if "next" in header.lower():
            raise RegistryError(f"{where}: a link to a next page that cannot be read")
        return None
    try:
        following: str = urljoin(url, target)
        same = _origin(following) == _origin(url)
    except ValueError:
        following, same = "", False
    if not same:
        raise RegistryError(f"{where}: the next page is on another host")
    return following


def stated_digest(headers: Mapping[str, str], *, where: str) -> str | None:
    """The digest that a registry states, or None if it states none.

    Raises:
        RegistryError: when what it states is no digest.
    """
    stated = headers.get("Docker-Content-Digest", "").strip()
    if not stated:
        return None
    try:
        return check_digest(stated)
    except InputError:
        pass
    raise RegistryError(f"{where}: a digest that is none")


def manifest_digest(headers: Mapping[str, str], body: bytes, *, where: str) -> str:
    """The digest of a manifest whose registry does not state it.

    Raises:
        RegistryError: when the body is no manifest that came whole, or one of the first version.
    """
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type not in _HASHED_WHOLE or not isinstance(_json(body), dict):
        raise RegistryError(f"{where}: neither a digest nor a manifest that has one")
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def error_codes(body: bytes) -> frozenset[str]:
    """The error codes that a registry gives with a refusal; none if it is no registry's."""
    document = _json(body)
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return frozenset()
    codes = [error.get("code") for error in errors if isinstance(error, dict)]
    return frozenset(code for code in codes if isinstance(code, str))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _origin(url: str) -> tuple[str, str | None, int | None, bool]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme), "@" in parts.netloc


def _is_tag(tag: str) -> bool:
    try:
        check_tag(tag)
    except InputError:
        return False
    return True
