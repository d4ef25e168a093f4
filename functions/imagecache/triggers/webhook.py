"""A webhook request: which source it is for, and whether it is accepted."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

from ..base.errors import InputError
from ..base.json_input import MAX_BODY_BYTES, read_json, shown
from ..base.reasons import Reason
from ..config.webhook_tokens import WebhookToken
from ..model.change import Item
from ..model.webhook_sources import WEBHOOK_SOURCES, Access
from .http import HttpRequest
from .invocation import Invocation
from .sources import Authority, Delivery, delivery_for, read_source, source_in_path

_SIGNATURE = "X-Hub-Signature-256"
_BEARER = "bearer "


def read_webhook(request: HttpRequest, invocation: Invocation) -> list[Item]:
    """Check the request and read its payload.

    The order is: path, method, sender, size, payload. Nothing is parsed for a caller without a token. A
    signature is the body's, so there the size is checked first.

    Raises:
        InputError: with the reason of the first check that fails.
    """
    settings = invocation.settings
    source = _source(request.path)
    if request.method != "POST":
        raise InputError(
            Reason.METHOD_NOT_ALLOWED,
            f"{shown(request.method)} is not allowed here, only POST",
            where="method",
            rule="POST",
            found=shown(request.method),
        )
    tokens = _check_sender(request, source, settings.webhook_tokens)
    aliases = settings.rules.aliases
    authority = Authority(aliases, _bound(tokens, aliases))
    delivery = Delivery(invocation.arrived, invocation.request_id, authority=authority)
    delivery = delivery_for(delivery, source, request.query.get("registry"))
    document = read_json(request.body(), limit=MAX_BODY_BYTES, what="body")
    return read_source(source, document, delivery)


def check_token(
    query: Mapping[str, str], source: str, tokens: Sequence[WebhookToken], authorization: str = ""
) -> list[WebhookToken]:
    """Check a request's token against every configured token, in constant time for each.

    Args:
        query: the request's; its ``token`` may be percent-encoded.
        source: that the request is for.
        tokens: the configured ones, at least one.
        authorization: the token of an ``Authorization`` header, if any.

    Returns:
        The configured tokens that it is: more than one if a secret is in the list with several bounds.

    Raises:
        InputError: ``UNAUTHORIZED``; it shows no token.
    """
    given = query.get("token", "")
    # It is not documented whether the platform decodes query parameters.
    candidates = [_bytes(text) for text in (given, unquote(given), authorization)]
    return _right_ones(
        (token for token in tokens if _is_any(token.secret.encode(), candidates)),
        source,
        wrong="the token is wrong" if given or authorization else "the token parameter is missing",
        where="token",
        rule="one of the configured tokens",
    )


def check_signature(
    signature: str, body: bytes, source: str, tokens: Sequence[WebhookToken]
) -> list[WebhookToken]:
    """Check the signature of a body against those made with each configured token, in constant time.

    Args:
        signature: the header's value, ``sha256=`` and the HMAC-SHA256 in lower-case hexadecimal digits.
        body: exactly the bytes that were sent.
        source: that the request is for.
        tokens: the keys.

    Returns:
        The configured tokens that it was made with.

    Raises:
        InputError: ``UNAUTHORIZED``; it shows neither a token nor a signature.
    """
    given = [_bytes(signature)]
    return _right_ones(
        (token for token in tokens if _is_any(_signed(body, token), given)),
        source,
        wrong="the signature is wrong" if signature else f"the {_SIGNATURE} header is missing",
        where=_SIGNATURE,
        rule="the HMAC-SHA256 of the body, keyed with one of the configured tokens",
    )


def _signed(body: bytes, token: WebhookToken) -> bytes:
    return b"sha256=" + hmac.new(token.secret.encode(), body, "sha256").hexdigest().encode()


def _is_any(right: bytes, given: Iterable[bytes]) -> bool:
    """Whether any is the right one; all are compared, however soon one is."""
    matches = [hmac.compare_digest(text, right) for text in given]
    return any(matches)


def _right_ones(
    shown_ones: Iterable[WebhookToken], source: str, *, wrong: str, where: str, rule: str
) -> list[WebhookToken]:
    """Of the tokens that were shown those that are good for the source."""
    tokens = list(shown_ones)
    if right := [token for token in tokens if token.is_for(source)]:
        return right
    problem = f"the token is not for {source}" if tokens else wrong
    raise InputError(Reason.UNAUTHORIZED, problem, where=where, rule=rule)


def _check_sender(
    request: HttpRequest, source: str, tokens: Sequence[WebhookToken]
) -> Sequence[WebhookToken]:
    if not tokens:
        raise InputError(
            Reason.NO_TOKEN_CONFIGURED,
            "no webhook token is configured, so every webhook is refused; set IMC_WEBHOOK_TOKENS",
            where="token",
        )
    access = WEBHOOK_SOURCES[source].access
    if access is Access.SIGNATURE:
        # No other proof counts: a token in a URL would admit any body.
        return check_signature(request.headers.get(_SIGNATURE.lower(), ""), request.body(), source, tokens)
    return check_token(request.query, source, tokens, _authorization(request, access))


def _bound(tokens: Iterable[WebhookToken], aliases: Mapping[str, str]) -> frozenset[str] | None:
    """The registries that the tokens are bound to, aliases resolved; None if one is good for all."""
    registries = {token.registry for token in tokens}
    return None if "" in registries else frozenset(aliases.get(one, one) for one in registries)


def _authorization(request: HttpRequest, access: Access) -> str:
    """The token in the ``Authorization`` header, empty if its form is not the source's."""
    header = request.headers.get("authorization", "").strip()
    if header[: len(_BEARER)].lower() == _BEARER:
        return header[len(_BEARER) :].strip()
    return header if access is Access.HEADER else ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _source(path: str) -> str:
    source = source_in_path(path)
    if source is None:
        known = ", ".join(sorted(WEBHOOK_SOURCES))
        found = shown(path)
        raise InputError(
            Reason.UNKNOWN_SOURCE,
            f"no webhook source at {found}; use /webhooks/<source> with source one of: {known}",
            where="path",
            rule=known,
            found=found,
        )
    return source
