"""The form of webhook tokens: the secret, and what it may be bound to.

``harbor=<secret>`` and ``gitea+native=<secret>`` are good for these sources alone, and
``distribution@registry.example.com=<secret>`` for that registry alone as well. Whoever holds a token chooses
the URL to send it to, so a token without a bound speaks for every source and every registry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..base.errors import InputError
from ..model.registry_identity import registry_identity
from ..model.webhook_sources import WEBHOOK_SOURCES
from .forms import Form, listed

_SHORTEST = 16
_BOUND = re.compile(r"(?P<sources>[a-z+]+)(?P<at>@(?P<host>[^=]*))?=(?P<secret>.*)", re.ASCII)


@dataclass(frozen=True)
class WebhookToken:
    """One token. Its repr does not show the secret.

    Attributes:
        secret: what a sender shows.
        sources: those that it is good for; empty for all.
        registry: identity of the only registry that it is good for; empty for all.
    """

    secret: str = field(repr=False)
    sources: frozenset[str] = frozenset()
    registry: str = ""

    def is_for(self, source: str) -> bool:
        """Whether it is good for a source."""
        return not self.sources or source in self.sources


def secret_parts(text: str) -> list[str]:
    """The secrets in a setting's text, right or wrong: what must not be shown of it."""
    bounds = [(item, _BOUND.fullmatch(item)) for item in listed(text)]
    return [bound["secret"] if bound else item for item, bound in bounds]


def _tokens(text: str) -> tuple[WebhookToken, ...]:
    tokens: list[WebhookToken] = []
    wrong: list[str] = []
    for number, item in enumerate(listed(text), start=1):
        try:
            tokens.append(_token(item))
        except ValueError as error:
            # The rest may be part of a secret, so it is not shown.
            wrong.append(f"token {number} {error}")
    if wrong:
        raise ValueError(f"is wrong: {', '.join(wrong)}")
    return tuple(tokens)


def _token(item: str) -> WebhookToken:
    """Read one; raises ValueError whose text continues after its number."""
    bound = _BOUND.fullmatch(item)
    secret = bound["secret"] if bound else item
    if len(secret) < _SHORTEST:
        raise ValueError(f"has {len(secret)} characters")
    if not item.isascii() or not item.isprintable() or " " in item:
        raise ValueError("has a character that is not allowed")
    if bound is None:
        return WebhookToken(secret)
    sources = frozenset(bound["sources"].split("+"))
    if not sources <= WEBHOOK_SOURCES.keys():
        raise ValueError(f"is bound to a name that is not a source; sources are {', '.join(WEBHOOK_SOURCES)}")
    if not bound["at"]:
        return WebhookToken(secret, sources)
    try:
        return WebhookToken(secret, sources, registry_identity(bound["host"]))
    except InputError:
        raise ValueError("is bound to a registry that is not a host") from None


TOKENS = Form(
    f"tokens of at least {_SHORTEST} printable ASCII characters without blanks, comma separated, each "
    "perhaps bound: `SOURCE=TOKEN`, `SOURCE+SOURCE=TOKEN`, `SOURCE@HOST=TOKEN`",
    _tokens,
    separator=",",
)
