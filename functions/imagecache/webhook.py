"""A webhook request: which source it is for, and whether it may be let in."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import unquote

from .changes import Item
from .credentials import without_secrets
from .documents import MAX_BODY_BYTES, read_json, shown
from .errors import InputError
from .http_trigger import HttpRequest
from .invocation import Invocation
from .reasons import Reason
from .reference import check_host
from .registries import WEBHOOK_SOURCES, Delivery

__all__ = ["read_webhook"]

_PREFIX = "/webhooks/"


def read_webhook(request: HttpRequest, invocation: Invocation) -> list[Item]:
    """Let the request in and read its payload.

    Checked in this order: the path, the method, the token, the size, the payload; nothing is parsed for
    a caller who has no token.

    Raises:
        InputError: with the reason of the first check that fails.
    """
    source = _source(request.path, invocation.settings.webhook_tokens)
    if request.method != "POST":
        raise InputError(
            Reason.METHOD_NOT_ALLOWED,
            f"{shown(request.method)} is not allowed here, only POST",
            where="method",
            rule="POST",
            found=shown(request.method),
        )
    check_token(request.query, invocation.settings.webhook_tokens)
    registry = request.query.get("registry")
    host = check_host(unquote(registry)) if registry else None
    delivery = Delivery(invocation.arrived, invocation.request_id, host)
    document = read_json(request.body(), limit=MAX_BODY_BYTES, what="body")
    return WEBHOOK_SOURCES[source](document, delivery)


def check_token(query: Mapping[str, str], tokens: tuple[str, ...]) -> None:
    """Check the ``token`` parameter against every configured token, in constant time for each.

    Raises:
        InputError: ``NO_TOKEN_CONFIGURED`` or ``UNAUTHORIZED``; neither shows a token.
    """
    if not tokens:
        raise InputError(
            Reason.NO_TOKEN_CONFIGURED,
            "no webhook token is configured, so every webhook is refused; set IMC_WEBHOOK_TOKENS",
            where="token",
        )
    given = query.get("token", "")
    # Whether the platform decodes query parameters is documented nowhere; a token is the same either way.
    forms = {given.encode("utf-8", "replace"), unquote(given).encode("utf-8", "replace")}
    matches = [hmac.compare_digest(form, token.encode()) for form in forms for token in tokens]
    if not any(matches):
        raise InputError(
            Reason.UNAUTHORIZED,
            "the token is wrong" if given else "the token parameter is missing",
            where="token",
            rule="one of the configured tokens",
        )


def _source(path: str, tokens: tuple[str, ...]) -> str:
    known = ", ".join(sorted(WEBHOOK_SOURCES))
    source = path.removeprefix(_PREFIX).removesuffix("/") if path.startswith(_PREFIX) else ""
    if source not in WEBHOOK_SOURCES:
        # Someone may have put the token where the source belongs.
        found = without_secrets(shown(path), tokens)
        raise InputError(
            Reason.UNKNOWN_SOURCE,
            f"no webhook source at {found}; known are {_PREFIX}<source> with source one of: {known}",
            where="path",
            rule=known,
            found=found,
        )
    return source
