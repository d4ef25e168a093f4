"""Who sent a webhook: which of the configured tokens its sender has shown, or signed its body with."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote

from ..base.errors import InputError
from ..base.reasons import Reason
from ..config.webhook_tokens import WebhookToken
from ..model.webhook_sources import WEBHOOK_SOURCES, Access, Signature
from .http import HttpRequest

_BEARER = "bearer "
_TEXT_OR_SPACE = re.compile(rb'("(?:[^"\\]+|\\.)*"?)|[ \t\r\n]+', re.DOTALL)


def check_sender(request: HttpRequest, source: str, tokens: Sequence[WebhookToken]) -> Sequence[WebhookToken]:
    """The configured tokens that the sender of a webhook has, of those that are good for the source.

    Where a signature is there it alone decides: a token in a URL would admit any body.

    Args:
        request: the webhook.
        source: that it is for.
        tokens: the configured ones.

    Raises:
        InputError: ``NO_TOKEN_CONFIGURED`` or ``UNAUTHORIZED``, or ``TOO_LARGE`` for a body that is signed.
    """
    if not tokens:
        raise InputError(
            Reason.NO_TOKEN_CONFIGURED,
            "no webhook token is configured, so every webhook is refused; set IMC_WEBHOOK_TOKENS",
            where="token",
        )
    known = WEBHOOK_SOURCES[source]
    # Some senders write the header without a value where they have no secret.
    signed = any(request.headers.get(form.header.lower()) for form in known.signatures)
    if signed or known.access is Access.SIGNATURE:
        return check_signature(request.headers, request.body(), source, tokens)
    return check_token(request.query, source, tokens, _authorization(request, known.access))


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
        (token for token in tokens if _is_any([token.secret.encode()], candidates)),
        source,
        wrong="the token is wrong" if given or authorization else "the token parameter is missing",
        where="token",
        rule="one of the configured tokens",
    )


def check_signature(
    headers: Mapping[str, str], body: bytes, source: str, tokens: Sequence[WebhookToken]
) -> list[WebhookToken]:
    """Check the signatures of a body against those made with each configured token, in constant time.

    Args:
        headers: the request's, names in lower case. Every signature that is there must be right.
        body: exactly the bytes that were sent.
        source: that the request is for.
        tokens: the keys.

    Returns:
        The configured tokens that all signatures were made with.

    Raises:
        InputError: ``UNAUTHORIZED``; it shows neither a token nor a signature.
    """
    forms = WEBHOOK_SOURCES[source].signatures
    texts = {form: text for form in forms if (text := headers.get(form.header.lower()))}
    right = list(tokens) if texts else []
    for form, text in texts.items():
        bodies = [body, _compact(body)] if form.compact else [body]
        right = [token for token in right if _is_any(_signed(form, bodies, token), [_bytes(text)])]
    names = " and ".join(form.header for form in texts or forms)
    return _right_ones(
        right,
        source,
        wrong="the signature is wrong" if texts else f"the {names} header is missing",
        where=names,
        rule=f"the HMAC-{forms[0].algorithm.upper()} of the body, keyed with one of the configured tokens",
    )


def _signed(form: Signature, bodies: Iterable[bytes], token: WebhookToken) -> list[bytes]:
    """What a sender who has the token may write."""
    key = token.secret.encode()
    made = [form.prefix + hmac.new(key, body, form.algorithm).hexdigest() for body in bodies]
    return [*map(_bytes, made), *([key] if form.plain else [])]


def _compact(body: bytes) -> bytes:
    """A JSON text without white space between its parts, as Nexus says that it signs it."""
    return _TEXT_OR_SPACE.sub(rb"\1", body)


def _is_any(right: Iterable[bytes], given: Sequence[bytes]) -> bool:
    """Whether any is a right one; all are compared, however soon one is."""
    matches = [hmac.compare_digest(text, one) for one in right for text in given]
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


def _authorization(request: HttpRequest, access: Access) -> str:
    """The token in the ``Authorization`` header, empty if its form is not the source's."""
    header = request.headers.get("authorization", "").strip()
    if header[: len(_BEARER)].lower() == _BEARER:
        return header[len(_BEARER) :].strip()
    return "" if access is Access.TOKEN else header


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
