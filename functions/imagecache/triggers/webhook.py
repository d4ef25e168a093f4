"""A webhook request: which source it is for, and whether it is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..base.errors import InputError
from ..base.json_input import MAX_BODY_BYTES, read_json, shown
from ..base.reasons import Reason
from ..config.webhook_tokens import WebhookToken
from ..model.change import Item
from ..model.webhook_sources import WEBHOOK_SOURCES
from .http import HttpRequest
from .invocation import Invocation
from .sender import check_sender
from .sources import Authority, Delivery, delivery_for, read_source, source_in_path


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
    tokens = check_sender(request, source, settings.webhook_tokens)
    aliases = settings.rules.aliases
    authority = Authority(aliases, _bound(tokens, aliases))
    delivery = Delivery(invocation.arrived, invocation.request_id, authority=authority)
    delivery = delivery_for(delivery, source, request.query.get("registry"), request.query.get("layout"))
    document = read_json(request.body(), limit=MAX_BODY_BYTES, what="body")
    return read_source(source, document, delivery)


def _bound(tokens: Iterable[WebhookToken], aliases: Mapping[str, str]) -> frozenset[str] | None:
    """The registries that the tokens are bound to, aliases resolved; None if one is good for all."""
    registries = {token.registry for token in tokens}
    return None if "" in registries else frozenset(aliases.get(one, one) for one in registries)


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
