"""A webhook request: which source it is for, and whether it is accepted."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import unquote

from ..base.credentials import without_secrets
from ..base.errors import InputError
from ..base.json_input import MAX_BODY_BYTES, read_json, shown
from ..base.reasons import Reason
from ..model.change import Item
from ..model.reference import check_host
from .http import HttpRequest
from .invocation import Invocation
from .sources import WEBHOOK_SOURCES, Access, Delivery, read_source, source_in_path

_SIGNATURE = "X-Hub-Signature-256"
_BEARER = "bearer "


def read_webhook(request: HttpRequest, invocation: Invocation) -> list[Item]:
    """Check the request and read its payload.

    The order is: path, method, sender, size, payload. Nothing is parsed for a caller without a token. A
    signature is the body's, so there the size is checked first.

    Raises:
        InputError: with the reason of the first check that fails.
    """
    tokens = invocation.settings.webhook_tokens
    source = _source(request.path, tokens)
    if request.method != "POST":
        raise InputError(
            Reason.METHOD_NOT_ALLOWED,
            f"{shown(request.method)} is not allowed here, only POST",
            where="method",
            rule="POST",
            found=shown(request.method),
        )
    _check_sender(request, WEBHOOK_SOURCES[source], tokens)
    registry = request.query.get("registry")
    host = check_host(unquote(registry)) if registry else None
    delivery = Delivery(invocation.arrived, invocation.request_id, host)
    document = read_json(request.body(), limit=MAX_BODY_BYTES, what="body")
    return read_source(source, document, delivery)


def check_token(query: Mapping[str, str], tokens: tuple[str, ...], authorization: str = "") -> None:
    """Check a request's token against every configured token, in constant time for each.

    Args:
        query: the request's; its ``token`` may be percent-encoded.
        tokens: the configured ones, at least one.
        authorization: the token of an ``Authorization`` header, if any.

    Raises:
        InputError: ``UNAUTHORIZED``; it shows no token.
    """
    given = query.get("token", "")
    # It is not documented whether the platform decodes query parameters.
    candidates = {_bytes(text) for text in (given, unquote(given), authorization)}
    matches = [hmac.compare_digest(text, token.encode()) for text in candidates for token in tokens]
    if not any(matches):
        raise InputError(
            Reason.UNAUTHORIZED,
            "the token is wrong" if given or authorization else "the token parameter is missing",
            where="token",
            rule="one of the configured tokens",
        )


def check_signature(signature: str, body: bytes, tokens: tuple[str, ...]) -> None:
    """Check the signature of a body against those made with each configured token, in constant time.

    Args:
        signature: the header's value, ``sha256=`` and the HMAC-SHA256 in lower-case hexadecimal digits.
        body: exactly the bytes that were sent.
        tokens: the keys.

    Raises:
        InputError: ``UNAUTHORIZED``; it shows neither a token nor a signature.
    """
    made = [b"sha256=" + hmac.new(token.encode(), body, "sha256").hexdigest().encode() for token in tokens]
    matches = [hmac.compare_digest(_bytes(signature), right) for right in made]
    if not any(matches):
        raise InputError(
            Reason.UNAUTHORIZED,
            "the signature is wrong" if signature else f"the {_SIGNATURE} header is missing",
            where=_SIGNATURE,
            rule="the HMAC-SHA256 of the body, keyed with one of the configured tokens",
        )


def _check_sender(request: HttpRequest, access: Access, tokens: tuple[str, ...]) -> None:
    if not tokens:
        raise InputError(
            Reason.NO_TOKEN_CONFIGURED,
            "no webhook token is configured, so every webhook is refused; set IMC_WEBHOOK_TOKENS",
            where="token",
        )
    if access is Access.SIGNATURE:
        # No other proof counts: a token in a URL would admit any body.
        check_signature(request.headers.get(_SIGNATURE.lower(), ""), request.body(), tokens)
        return
    check_token(request.query, tokens, _authorization(request, access))


def _authorization(request: HttpRequest, access: Access) -> str:
    """The token in the ``Authorization`` header, empty if its form is not the source's."""
    header = request.headers.get("authorization", "").strip()
    if header[: len(_BEARER)].lower() == _BEARER:
        return header[len(_BEARER) :].strip()
    return header if access is Access.HEADER else ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _source(path: str, tokens: tuple[str, ...]) -> str:
    source = source_in_path(path)
    if source is None:
        known = ", ".join(sorted(WEBHOOK_SOURCES))
        # A sender may have put the token where the source belongs.
        found = without_secrets(shown(path), tokens)
        raise InputError(
            Reason.UNKNOWN_SOURCE,
            f"no webhook source at {found}; use /webhooks/<source> with source one of: {known}",
            where="path",
            rule=known,
            found=found,
        )
    return source
