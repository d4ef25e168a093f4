"""How a registry wants to be asked: challenges, token services, and who may get an account's password.

A registry that refuses a call names in ``WWW-Authenticate`` what it takes (RFC 7235): a password (``Basic``),
or a token of the service that its ``realm`` names (``Bearer``; the distribution project's token
authentication). A lying registry could name any service. So an account's password goes to its registry, and
to a token service only if that

- has the registry's own host name;
- is known to serve it: auth.docker.io for Docker Hub; for the vendor's registries ``dockerauth`` of the same
  region, and of any region for other hosts, which may be custom domains of an enterprise instance. The names
  ``dockerauth.<region>`` and ``dockerauth-ee.<region>`` are in the vendor's list of hosts that a cluster
  needs, ``dockerauth-<region>`` for one region. Those with ``-vpc`` are seen in users' files only, and which
  registry names which of them is not verified;
- or is the parent of the registry's name or a neighbour under it (registry.example.com and git.example.com),
  unless strangers can have names there: national suffixes (co.uk), and the hosting domains listed below. The
  list cannot be complete; at risk is only a password that the registry may ask for anyway.

Any other service is asked without an account. The scope is what the challenge names of reading the
repository: Azure's registry asks ``metadata_read`` for a list of tags. Where it names nothing of that,
``pull`` is asked.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from ..base.environment import is_loopback
from ..base.errors import RegistryError
from ..model.reference import DOCKER_HUB
from ..model.registry_identity import registry_region
from .registry_reader import Account

DEFAULT_SECONDS = 60
LONGEST_SECONDS = 3600
MARGIN_SECONDS = 10
MOST_TOKENS = 500
_LONGEST_TOKEN = 64 * 1024
_LONGEST_REALM = 2048

_READING = frozenset({"pull", "metadata_read"})
"""The actions that a token may be for: no challenge makes us ask for one that can write."""

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PART = re.compile(
    rf'[\s,]*(?:(?P<name>{_NAME})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>{_NAME})(?=[\s,]|$))'
    rf"|(?P<scheme>{_NAME})(?=[\s,]|$)|[A-Za-z0-9._~+/-]+=*(?=[\s,]|$))",
    re.DOTALL,
)
_TOKEN = re.compile(r"[\x21-\x7e]+", re.ASCII)
_VENDOR_SERVICE = re.compile(
    r"dockerauth(?:-ee)?(?:-vpc)?[.-](?P<region>[a-z]{2}(?:-[a-z0-9]+)+)\.aliyuncs\.com", re.ASCII
)
_KNOWN_SERVICES = {DOCKER_HUB: "auth.docker.io"}
_HOST_NAME = re.compile(r"[a-z0-9.:-]{1,255}", re.ASCII)
_ADDRESS = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?|.*:.*", re.ASCII)
"""No name server is asked for these; the old forms (127.1, 0x7f000001) count too."""
_NATIONAL = re.compile(r"(?:com?|net|org|gov|edu|ac|ne|or|go|gob|mil|info)\.[a-z]{2}", re.ASCII)
_SHARED = re.compile(
    r"(?:.*\.)?(?:aliyuncs\.com|amazonaws\.com(?:\.cn)?|appspot\.com|azurecr\.(?:cn|io)|azurewebsites\.net"
    r"|cloudapp\.net|docker\.io|fcapp\.run|fly\.dev|git(?:hub|lab)\.io|googleapis\.com|herokuapp\.com"
    r"|(?:my)?huaweicloud\.com|jfrog\.io|netlify\.app|ngrok\.io|ocir\.io|onrender\.com|pages\.dev|pkg\.dev"
    r"|run\.app|tencentcloudcr\.com|vercel\.app|volces\.com|web\.app|workers\.dev)",
    re.ASCII,
)
"""Domains under which strangers have names."""


@dataclass(frozen=True)
class Challenge:
    """One way to authenticate: scheme and parameter names are in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class TokenService:
    """Where to ask for a token, and whether the account's password may go there."""

    url: str = field(repr=False)
    host: str
    trusted: bool


@dataclass(frozen=True)
class Token:
    """A bearer token, and the time until which it is used, in seconds since the epoch."""

    value: str = field(repr=False)
    until: float


TokenKey: TypeAlias = tuple[str, str, Account | None]
"""Host, scope and account."""


class KeptTokens:
    """Tokens that outlive an invocation."""

    def __init__(self) -> None:
        self._tokens: dict[TokenKey, Token] = {}
        self._scopes: dict[tuple[str, str, str], str] = {}

    def scope(self, host: str, repository: str, asked: str) -> str:
        """The scope that a registry last named for one kind of question about a repository."""
        return self._scopes.get((host, repository, asked), f"repository:{repository}:pull")

    def keep_scope(self, host: str, repository: str, asked: str, scope: str) -> None:
        """Keep the scope that a challenge names; the oldest make room."""
        self._scopes[host, repository, asked] = scope
        while len(self._scopes) > MOST_TOKENS:
            del self._scopes[next(iter(self._scopes))]

    def get(self, key: TokenKey, now: float) -> str | None:
        """A token that is still valid."""
        token = self._tokens.get(key)
        return token.value if token is not None and now < token.until else None

    def keep(self, key: TokenKey, token: Token, now: float) -> None:
        """Keep a token; expired ones make room."""
        self._tokens[key] = token
        if len(self._tokens) > MOST_TOKENS:
            self._tokens = {kept: one for kept, one in self._tokens.items() if now < one.until}
        while len(self._tokens) > MOST_TOKENS:
            del self._tokens[next(iter(self._tokens))]

    def drop(self, key: TokenKey) -> None:
        """Forget a token that was refused."""
        self._tokens.pop(key, None)


def basic(account: Account) -> str:
    """The value of an ``Authorization`` header with a password."""
    return "Basic " + base64.b64encode(f"{account.user}:{account.password}".encode()).decode()


def read_challenges(header: str) -> tuple[Challenge, ...]:
    """The challenges of a ``WWW-Authenticate`` header, up to the first invalid part."""
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while match := _PART.match(header, position):
        position = match.end()
        if match["scheme"]:
            found.append((match["scheme"].lower(), {}))
        elif match["name"] and found:
            quoted = match["quoted"]
            value = match["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
            found[-1][1].setdefault(match["name"].lower(), value)
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def scope_of(challenge: Challenge, repository: str) -> str:
    """What a token is to be for: the parts of a challenge's scope that are of reading a repository.

    Args:
        challenge: with the scheme ``bearer``.
        repository: the path that is read; a registry behind a proxy may name it with something before it.
    """
    wanted: dict[str, list[str]] = {}
    for part in challenge.parameters.get("scope", "").split():
        kind, _, rest = part.partition(":")
        name, _, actions = rest.rpartition(":")
        if kind == "repository" and (name == repository or name.endswith(f"/{repository}")):
            reading = [action for action in actions.split(",") if action in _READING]
            if reading:
                wanted.setdefault(name, []).extend(reading)
    if not wanted:
        return f"repository:{repository}:pull"
    return " ".join(f"repository:{name}:{','.join(dict.fromkeys(wanted[name]))}" for name in wanted)


def token_service(challenge: Challenge, registry: str, scope: str, *, where: str) -> TokenService:
    """The token service that a challenge names.

    Args:
        challenge: with the scheme ``bearer``.
        registry: the identity of the registry that names it.
        scope: what the token is for.
        where: the beginning of an error's text.

    Raises:
        RegistryError: when it is not a valid URL, not https (http between loopback hosts), or an address that
            is not the registry's own, which could be one inside the network.
    """
    realm, service = challenge.parameters.get("realm", ""), challenge.parameters.get("service", "")
    own = _hostname(registry)
    try:
        parts = urlsplit(realm)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    local = is_loopback(own) and is_loopback(host)
    if (
        not _HOST_NAME.fullmatch(host)
        or "@" in parts.netloc
        or port == 0
        or len(realm) + len(service) > _LONGEST_REALM
        or not _TOKEN.fullmatch(realm)
    ):
        raise RegistryError(f"{where}: it names a token service that is not a URL")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise RegistryError(f"{where}: it names a token service that is not https")
    if host != own and not local and (is_loopback(host) or _ADDRESS.fullmatch(host)):
        raise RegistryError(f"{where}: it names a token service by an address that is not its own")
    asked = urlencode([("service", service)] * bool(service) + [("scope", scope)])
    query = f"{parts.query}&{asked}" if parts.query else asked
    url = parts._replace(query=query, fragment="").geturl()
    return TokenService(url, host, trusted=may_get_password(registry, host))


def may_get_password(registry: str, host: str) -> bool:
    """Whether a token service's host may get the password of a registry's account, by the rule above."""
    own = _hostname(registry)
    if host == own or _KNOWN_SERVICES.get(registry) == host:
        return True
    vendor, region = _VENDOR_SERVICE.fullmatch(host), registry_region(registry)
    if vendor is not None and registry != DOCKER_HUB:
        return region in {None, vendor["region"]}
    _, _, parent = own.partition(".")
    strangers = (
        "." not in parent
        or bool(_ADDRESS.fullmatch(own))
        or bool(_NATIONAL.fullmatch(parent) or _SHARED.fullmatch(parent))
    )
    return not strangers and (host == parent or host.endswith(f".{parent}"))


def read_token(body: bytes, now: float) -> Token | None:
    """The token in a token service's answer, or None.

    ``expires_in`` is 60 seconds where it is missing or odd, which is the protocol's rule for a missing one.
    ``now`` is in seconds since the epoch.
    """
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    value = document.get("token") or document.get("access_token")
    if not isinstance(value, str) or len(value) > _LONGEST_TOKEN or not _TOKEN.fullmatch(value):
        return None
    seconds = document.get("expires_in")
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        seconds = DEFAULT_SECONDS
    return Token(value, now + min(seconds, LONGEST_SECONDS) - MARGIN_SECONDS)


def _hostname(registry: str) -> str:
    return urlsplit(f"//{registry}").hostname or ""
