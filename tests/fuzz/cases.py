"""One case: what is sent, to which door, and whether its sender shows who it is. Made from a seed alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .byte_mutations import mutated_text
from .fleet import HOSTS, LOOKALIKES
from .mutations import mutated
from .samples import BUS, NAMED_BY_URL, TARGETS, samples
from .vocabulary import confused

__all__ = ["SIGNED_BY", "TOKEN", "Case", "make_case", "sample_case"]

TOKEN = "example-token-0123456789"
_OTHER_TOKEN = "example-token-9876543210"

_STRANGERS = 0.05
"""The share of webhooks whose sender shows no right proof."""
_IN_BYTES = 0.12
_ELSEWHERE = 0.05
"""The share of cases that begin with another target's sample, sent as if it were this one's."""
_NAMED_REGISTRY = 0.15
_ANY_SAMPLE = 0.2
"""The share of cases that begin with any sample, bad ones too; the others begin with one that is read."""
_LARGEST_HEADER = 8192
_LAID_OUT = 0.1
"""The share of webhooks of registries with layouts whose URL names one."""
SIGNED_BY = {
    "artifactory": (("X-JFrog-Event-Auth", "sha256"),),
    "gitea": (("X-Gitea-Signature", "sha256"), ("X-Forgejo-Signature", "sha256")),
    "nexus": (("X-Nexus-Webhook-Signature", "sha1"),),
}
"""The headers of senders that may sign instead of showing a token."""


@dataclass(frozen=True)
class Case:
    """What is sent.

    Attributes:
        target: the source of the webhook, or the kind of event.
        body: the payload's bytes.
        registry: the webhook's ``registry`` parameter, None where there is none.
        query: the webhook's other parameters.
        headers: the webhook's headers.
        known: whether the sender shows the right proof.
        sample: the name of the sample where nothing was mutated, else empty.
    """

    target: str
    body: bytes
    registry: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    known: bool = True
    sample: str = ""

    @property
    def door(self) -> str:
        """The entry point that gets it."""
        return "on_push" if self.target in BUS else "on_webhook"

    def event(self) -> bytes:
        """The invocation's event."""
        if self.target in BUS:
            return self.body
        query = dict(self.query)
        if self.registry is not None:
            query["registry"] = self.registry
        http = {"method": "POST", "path": f"/webhooks/{self.target}"}
        event: dict[str, Any] = {
            "version": "v1",
            "rawPath": http["path"],
            "headers": dict(self.headers),
            "queryParameters": query,
            "requestContext": {"http": http},
        }
        return json.dumps({**event, **_body(self.body)}).encode()


def sample_case(target: str, name: str) -> Case:
    """A sample as it is, sent by someone who may."""
    body = json.dumps(samples(target)[name]).encode()
    query, headers = _proof(target, body, random.Random(0))  # noqa: S311 - repeatable on purpose
    return Case(target, body, NAMED_BY_URL.get(target), query, headers, sample=name)


def make_case(seed: int, target: str, number: int) -> Case:
    """A mutated sample: the same for the same three."""
    chance = random.Random(f"{seed}:{target}:{number}")  # noqa: S311 - repeatable on purpose
    own = _documents(target)
    others = own if chance.randrange(2) else _documents(chance.choice(TARGETS))
    begun = others if chance.random() < _ELSEWHERE else own
    if chance.random() > _ANY_SAMPLE:
        begun = _documents(target, readable=True)
    document = chance.choice(begun)
    body = json.dumps(mutated(document, others, chance), ensure_ascii=bool(chance.randrange(4))).encode(
        "utf-8", "surrogatepass"
    )
    if chance.random() < _IN_BYTES:
        body = mutated_text(body, chance)
    if target in BUS:
        return Case(target, body)
    named = chance.random() < _NAMED_REGISTRY
    registry = _registry(chance) if named else NAMED_BY_URL.get(target)
    if chance.random() < _STRANGERS:
        query, headers = _no_proof(target, body, chance)
        return Case(target, body, registry, query, headers, known=False)
    query, headers = _proof(target, body, chance)
    if target in {"artifactory", "nexus"} and chance.random() < _LAID_OUT:
        query += (("layout", chance.choice(("host", "path", "%70ath", "", "HOST", "port"))),)
    return Case(target, body, registry, query, headers)


@cache
def _documents(target: str, *, readable: bool = False) -> Sequence[Any]:
    return [document for name, document in samples(target).items() if not (readable and "/bad_" in name)]


def _body(body: bytes) -> Mapping[str, Any]:
    try:
        return {"body": body.decode("utf-8"), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode("ascii"), "isBase64Encoded": True}


def _registry(chance: random.Random) -> str:
    host = chance.choice((*HOSTS, *LOOKALIKES))
    return host if chance.randrange(2) else confused(host, chance)


_Pairs = tuple[tuple[str, str], ...]


def signature(body: bytes, key: str, algorithm: str = "sha256") -> str:
    """What a sender that signs puts into its header."""
    return f"{algorithm}={hmac.new(key.encode(), body, getattr(hashlib, algorithm)).hexdigest()}"


def _digits(body: bytes, key: str, algorithm: str) -> str:
    return signature(body, key, algorithm).partition("=")[2]


def _proof(target: str, body: bytes, chance: random.Random) -> tuple[_Pairs, _Pairs]:
    """A right proof: query and headers."""
    if target == "github":
        return (), ((chance.choice(("X-Hub-Signature-256", "x-hub-signature-256")), signature(body, TOKEN)),)
    if target in SIGNED_BY and chance.randrange(2):
        header, algorithm = chance.choice(SIGNED_BY[target])
        beside = chance.choice(((), (("token", TOKEN),), (("token", _OTHER_TOKEN),)))
        return beside, ((header, _digits(body, TOKEN, algorithm)),)
    if target in {*SIGNED_BY, "harbor"} and chance.randrange(2):
        return (), (("Authorization", TOKEN),)
    if not chance.randrange(4):
        return (), (("Authorization", f"{chance.choice(('Bearer', 'bearer'))} {TOKEN}"),)
    # Not every gateway decodes what a sender encoded.
    return (("token", TOKEN if chance.randrange(4) else TOKEN.replace("-", "%2D")),), ()


def _no_proof(target: str, body: bytes, chance: random.Random) -> tuple[_Pairs, _Pairs]:
    """Something else: nothing, almost the right token or signature, or the right one in a wrong place."""
    if target == "github":
        signed, other = signature(body, TOKEN), signature(body, _OTHER_TOKEN)
        wrong = (other, signature(body + b" ", TOKEN), signature(body, TOKEN, "sha1"), signature(body, ""))
        forms = (
            signed.upper(),
            signed[:-1],
            signed + "0",
            signed.removeprefix("sha256="),
            f"sha256={signed}",
        )
        value = chance.choice(
            (*wrong, *forms, "", "sha256=", TOKEN, "\x00", "sha256=\u0661", "a" * _LARGEST_HEADER)
        )
        misplaced = chance.choice((("X-Hub-Signature", signed), ("X-Hub-Signature-512", signed)))
        header = ("X-Hub-Signature-256", value)
        headers = chance.choice(((header,), (misplaced,), (), (header, ("x-hub-signature-256", signed))))
        return chance.choice(((), (("token", TOKEN),))), headers
    if target in SIGNED_BY and chance.randrange(2):
        name, algorithm = chance.choice(SIGNED_BY[target])
        signed = _digits(body, TOKEN, algorithm)
        others = (_digits(body, _OTHER_TOKEN, algorithm), _digits(body + b"x", TOKEN, algorithm))
        forms = (signed.upper(), signed[:-1], f"{algorithm}={signed}", f"{signed},{signed}", "\x00")
        value = chance.choice((*others, *forms, _digits(body, TOKEN, "sha512"), _OTHER_TOKEN))
        return chance.choice(((), (("token", TOKEN),))), ((name, value),)
    wrong_tokens = (
        *(
            TOKEN[:-1],
            f"{TOKEN}0",
            TOKEN.upper(),
            TOKEN.swapcase(),
            TOKEN + TOKEN,
            f"{TOKEN},{TOKEN}",
            f"{TOKEN}\x00",
        ),
        *(
            _OTHER_TOKEN,
            "",
            "\ud800",
            TOKEN.replace("e", "\u0435"),
            TOKEN.replace("-", "%252D"),
            "null",
            "*",
            "%",
        ),
        *(f"{TOKEN}\n{TOKEN}", signature(body, TOKEN), "a" * 4096, "0", "true", "example-token-", "%ff%fe"),
    )
    token = chance.choice(wrong_tokens)
    misplaced_name = chance.choice(("Token", "TOKEN", "token ", "access_token", "registry_token", "_token"))
    queries: tuple[_Pairs, ...] = ((), (("token", token),), (("token", token),), ((misplaced_name, TOKEN),))
    schemes = [
        f"Bearer {token}",
        f"Basic {TOKEN}",
        f"Token {TOKEN}",
        f"Bearer{TOKEN}",
        f"Bearer Bearer {TOKEN}",
        token,
    ]
    if target not in {*SIGNED_BY, "harbor"}:
        schemes.append(TOKEN)
    named = (
        ("X-Auth-Token", TOKEN),
        ("Proxy-Authorization", f"Bearer {TOKEN}"),
        ("Cookie", f"token={TOKEN}"),
    )
    choices: tuple[_Pairs, ...] = (
        (),
        (),
        (("Authorization", chance.choice(schemes)),),
        (chance.choice(named),),
    )
    return chance.choice(queries), chance.choice(choices)
