"""How a payload came, and whose word the registry is: which registries its sender may speak for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote

from ...base.errors import InputError
from ...base.json_input import shown
from ...base.reasons import Reason
from ...model.reference import check_host
from ...model.registry_identity import registry_identity
from ...model.webhook_sources import WEBHOOK_SOURCES, Layout, Word, own_sources

_NATIVE = "native"
"""The source whose sender writes the whole reference, and nobody else any part of it."""
_PARAMETER, _LAYOUT = "registry parameter", "layout parameter"


class Authority(NamedTuple):
    """Which registries the sender of a payload may speak for.

    Attributes:
        aliases: identity of a custom domain -> identity of the registry behind it.
        bound: the registries that the sender's tokens are bound to, aliases resolved; None for no such bound.
    """

    aliases: Mapping[str, str] = MappingProxyType({})
    bound: frozenset[str] | None = None

    def behind(self, registry: str) -> str:
        """The registry behind an identity that may be an alias."""
        return self.aliases.get(registry, registry)

    def check(self, source: str, registry: str, *, where: str) -> None:
        """Refuse a registry, by its identity, that the source or the sender's token may not speak for.

        Raises:
            InputError: ``REGISTRY_MISMATCH`` where the registry has a source of its own, ``UNAUTHORIZED``
                where the token is bound to others.
        """
        behind = self.behind(registry)
        own = own_sources(behind)
        if own and source not in own and source != _NATIVE:
            allowed = f"/webhooks/{min(own)} or /webhooks/{_NATIVE}"
            raise InputError(
                Reason.REGISTRY_MISMATCH,
                f"{behind} has a source of its own, so {source} does not speak for it: use {allowed}",
                where=where,
                rule=f"a registry that {source} may speak for",
                found=registry,
            )
        if self.bound is not None and behind not in self.bound:
            raise InputError(
                Reason.UNAUTHORIZED,
                f"the token is not for the registry {registry}",
                where=where,
                rule="a registry that the token is for",
            )


class Delivery(NamedTuple):
    """How a payload came.

    Attributes:
        arrived: when, with a zone.
        delivery_id: the platform's id of the invocation or event that brought it.
        registry: the host that the webhook's ``registry`` parameter names, or None.
        where: a JSON pointer to the payload inside what was received, for error messages.
        no_later_than: the latest moment of the push, where the payload's carrier states one before
            ``arrived``. It bounds a push whose payload states no time.
        authority: which registries the sender may speak for.
        layout: where the registry's repository key is, if the webhook's ``layout`` parameter says so.
    """

    arrived: datetime
    delivery_id: str
    registry: str | None = None
    where: str = ""
    no_later_than: datetime | None = None
    authority: Authority = Authority()
    layout: Layout | None = None


def delivery_for(delivery: Delivery, source: str, registry: str | None, layout: str | None) -> Delivery:
    """The delivery with the registry and the layout that the parameters of the webhook's URL name.

    Args:
        delivery: how the payload came.
        source: the payload format.
        registry: the parameter's text, perhaps percent-encoded: it is not documented whether it is decoded.
        layout: the same of the other parameter; for a source whose registries have one layout it is nothing.

    Raises:
        InputError: when the registry is not a host, or one that the sender may not speak for, or the layout
            is none.
    """
    if layout and WEBHOOK_SOURCES[source].layout:
        delivery = delivery._replace(layout=_layout(unquote(layout)))
    if not registry or source == _NATIVE:
        return delivery
    host = check_host(unquote(registry))
    delivery.authority.check(source, registry_identity(host), where=_PARAMETER)
    return delivery._replace(registry=host)


def _layout(text: str) -> Layout:
    try:
        return Layout(text)
    except ValueError:
        found, rule = shown(text), " or ".join(layout.value for layout in Layout)
        problem = f"layout {found} is none: it is {rule}"
        raise InputError(Reason.INVALID_REFERENCE, problem, where=_LAYOUT, rule=rule, found=found) from None


def registry_host(delivery: Delivery, source: str, stated: str, *, needed: str, where: str) -> str:
    """The registry's host: the ``registry`` parameter's, else the payload's where its word counts.

    Args:
        delivery: how the payload came.
        source: the payload format.
        stated: the host in the payload; empty if missing.
        needed: the key of the payload that should have it.
        where: a JSON pointer to the object that has the key.

    Raises:
        InputError: ``UNKNOWN_REGISTRY`` when neither names one, ``REGISTRY_NOT_NAMED`` when only the payload
            does and its word does not count.
    """
    if host := delivery.registry or stated:
        counts = delivery.registry or WEBHOOK_SOURCES[source].word is Word.SERVER
        if counts or source in own_sources(delivery.authority.behind(registry_identity(host))):
            return host
        raise not_named(source, where=where, found=host)
    raise InputError(
        Reason.UNKNOWN_REGISTRY,
        f"the payload does not name its registry: {needed} or the registry parameter is needed",
        where=where or "/",
        rule="names the registry's host",
        found="none",
    )


def not_named(source: str, *, where: str, found: str) -> InputError:
    """The refusal of a payload whose registry is not named by who set the webhook up.

    Args:
        source: the payload format.
        where: a JSON pointer to the part of the payload.
        found: the host that the payload names, if any.
    """
    url = f"/webhooks/{source}?token=...&registry=<host>"
    return InputError(
        Reason.REGISTRY_NOT_NAMED,
        f"the host in a payload of {source} is no authority: name the registry in the webhook's URL: {url}",
        where=where or "/",
        rule=f"a URL with &registry=: {url}",
        found=shown(found) or "none",
    )


def other_host(authority: Authority, registry: str, host: str | None) -> str:
    """The host in a payload, if it is not one of the registry's names."""
    if not host:
        return ""
    try:
        same = authority.behind(registry_identity(host)) == authority.behind(registry)
    except InputError:
        same = False
    return "" if same else shown(host)
