"""Which registry a payload tells of: the host in what it writes, unless the webhook's URL names another."""

from __future__ import annotations

import re

from ...base.errors import InputError
from ...base.reasons import Reason
from .delivery import Delivery

_SCHEME = re.compile(r"https?://", re.IGNORECASE)


def split_host(reference: str) -> tuple[str, str]:
    """Take the host off ``host/path...``, as registries write addresses of images.

    A first component is a host if it follows ``https://`` or ``http://``, or by the rule of image references:
    it has a dot or a colon, or is ``localhost``.

    Returns:
        The host, empty where there is none, and the rest.
    """
    # Only in front: what else has such a mark in it must not put another host in the place of the first.
    scheme = _SCHEME.match(reference)
    written = reference[scheme.end() :] if scheme else reference
    first, slash, path = written.partition("/")
    if slash and (scheme or "." in first or ":" in first or first == "localhost"):
        return first, path
    return "", written


def registry_host(delivery: Delivery, told: str | None, *, needed: str, where: str) -> str:
    """The registry's host: the one that the ``registry`` parameter names, else the one that is told.

    Args:
        delivery: how the payload came.
        told: the host in the payload; None or empty where there is none.
        needed: the key of the payload that should tell it.
        where: a JSON pointer to the object that has the key.

    Raises:
        InputError: ``UNKNOWN_REGISTRY`` when neither names one.
    """
    if host := delivery.registry or told:
        return host
    raise InputError(
        Reason.UNKNOWN_REGISTRY,
        f"the payload does not tell its registry: {needed} or the registry parameter is needed",
        where=where or "/",
        rule="names the registry's host",
        found="none",
    )
