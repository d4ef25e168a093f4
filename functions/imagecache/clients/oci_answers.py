"""Reading what a registry answers (OCI distribution specification 1.1): tags, pages, digests, errors.

An answer that could be incomplete, or another server's, is an error: trusting it would lose a tag, or
rebuild needlessly.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from ..base.errors import InputError, RegistryError
from ..model.media_types import WHOLE_MANIFEST_MEDIA_TYPES, media_type
from ..model.reference import check_digest, check_tag

_LINK = re.compile(r"<([^<>]*)>([^<>]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\"|next(?=[\s;,]|$))", re.IGNORECASE)
_VENDORS = "application/vnd."
_CREATED = "org.opencontainers.image.created"
_FIRST_IMAGES = datetime(2013, 1, 1, tzinfo=timezone.utc)
_QUERY = re.compile(r"[\x21-\x7e]{1,4096}", re.ASCII)


def listed_tags(body: bytes, *, where: str) -> list[str]:
    """The tags of one page, as listed; ``null`` means none.

    Raises:
        RegistryError: when the body is not a list of tags.
    """
    document = _json(body)
    if not isinstance(document, dict) or "tags" not in document:
        raise RegistryError(f"{where}: the answer is not a list of tags")
    tags = document["tags"]
    if tags is None:
        return []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise RegistryError(f"{where}: the list of tags has something else in it")
    return tags


def valid_tags(listed: list[str]) -> set[str]:
    """Those that are valid tags: the others can name no image."""
    return {tag for tag in listed if _is_tag(tag)}


def next_page(headers: Mapping[str, str], url: str, *, where: str) -> str | None:
    """The URL of the page after this one, or None if no link leads to one.

    Only the link's query counts: registries behind a proxy name hosts, schemes and paths that lead nowhere,
    or to the tags of another repository.

    Args:
        headers: of the answer; the ``Link`` with the relation ``next`` counts.
        url: of this page.
        where: the beginning of an error's text.

    Raises:
        RegistryError: when there is a next page that cannot be asked for.
    """
    header = headers.get("Link", "")
    target = next((link for link, relation in _LINK.findall(header) if _NEXT.search(relation)), None)
    if target is None:
        if "next" in header.lower():
            raise RegistryError(f"{where}: the link to the next page cannot be read")
        return None
    _, _, query = target.partition("#")[0].partition("?")
    if not _QUERY.fullmatch(query):
        raise RegistryError(f"{where}: the link to the next page has no query that can be asked")
    return f"{url.partition('?')[0]}?{query}"


def stated_digest(headers: Mapping[str, str], *, where: str) -> str | None:
    """The digest that a registry states, or None if it states none.

    Raises:
        RegistryError: when it is not a valid digest.
    """
    stated = headers.get("Docker-Content-Digest", "").strip()
    if not stated:
        return None
    try:
        return check_digest(stated)
    except InputError:
        pass
    raise RegistryError(f"{where}: the stated digest is not valid")


def manifest_digest(headers: Mapping[str, str], body: bytes, *, where: str) -> str:
    """The digest of a manifest whose registry does not state it.

    Raises:
        RegistryError: when the body is not a complete manifest, or one of the first version.
    """
    own = media_type(headers.get("Content-Type", ""))
    if own not in WHOLE_MANIFEST_MEDIA_TYPES or not isinstance(_json(body), dict):
        raise RegistryError(f"{where}: neither a stated digest nor a manifest to compute it from")
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def manifest_kind(headers: Mapping[str, str], body: bytes, *, where: str) -> str:
    """The media type that says what a manifest is of: its artifact's, that of its config, or its own.

    The first that it has, as the specification lists referrers.

    Raises:
        RegistryError: when it is not a manifest that says what it is.
    """
    document = _json(body)
    members = document if isinstance(document, dict) else {}
    config = members.get("config")
    stated = (members.get("artifactType"), config.get("mediaType") if isinstance(config, dict) else None)
    kinds = [media_type(_text(text)) for text in stated]
    if members:
        own = (headers.get("Content-Type", ""), members.get("mediaType"))
        # Manifests have types of vendors; any other JSON, such as a proxy's, is none.
        kinds += [kind for text in own if (kind := media_type(_text(text))).startswith(_VENDORS)]
    if kind := next(filter(None, kinds), ""):
        return kind
    raise RegistryError(f"{where}: the manifest does not say what it is")


def manifest_time(headers: Mapping[str, str], body: bytes) -> datetime | None:
    """When a manifest was made, as its registry (``Last-Modified``) or its maker says; the later of the two.

    None where neither says so. A time before there were images is not one: builds that can be repeated write
    such times.
    """
    document = _json(body)
    annotations = document.get("annotations") if isinstance(document, dict) else None
    stated = _text(annotations.get(_CREATED)) if isinstance(annotations, dict) else ""
    found: list[datetime] = []
    for read, text in ((parsedate_to_datetime, headers.get("Last-Modified", "")), (_iso, stated)):
        with suppress(TypeError, ValueError, OverflowError):
            moment = read(text)
            found.append(moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc))
    return max((moment for moment in found if moment >= _FIRST_IMAGES), default=None)


def error_codes(body: bytes) -> frozenset[str]:
    """The error codes in a registry's refusal; none if a registry did not write it."""
    document = _json(body)
    errors = document.get("errors") if isinstance(document, dict) else None
    if not isinstance(errors, list):
        return frozenset()
    codes = [error.get("code") for error in errors if isinstance(error, dict)]
    return frozenset(code for code in codes if isinstance(code, str))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _iso(text: str) -> datetime:
    """An RFC 3339 time; of its fraction six digits count, as all supported Pythons read them."""
    whole, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))] if dot else ""
    zone = rest[len(digits) :] if dot else ""
    fraction = f".{digits[:6]:0<6}" if digits else ""
    return datetime.fromisoformat(f"{whole}{fraction}{zone}".replace("Z", "+00:00").replace("z", "+00:00"))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_tag(tag: str) -> bool:
    try:
        check_tag(tag)
    except InputError:
        return False
    return True
