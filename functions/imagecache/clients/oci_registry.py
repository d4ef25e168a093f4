"""Reads registries by the OCI distribution API: ``RegistryReader`` over real sockets.

Reads tags and manifests only, so no call needs a redirection. HTTPS always, except to a loopback
host. Docker Hub is asked at the host that serves its API. Must not know which registry wants which account.

Importing this module imports ``requests``, which costs a cold start: do it when a registry is to be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..base.environment import is_loopback
from ..base.errors import InputError, RegistryError
from ..model.media_types import IMAGE_MEDIA_TYPES
from ..model.reference import DOCKER_HUB, check_host, check_repository, check_tag
from .http_calls import Answer, HttpCalls, new_session
from .oci_answers import (
    error_codes,
    listed_tags,
    manifest_digest,
    manifest_kind,
    manifest_time,
    next_page,
    stated_digest,
    valid_tags,
)
from .oci_auth import KeptTokens, basic, read_challenges, read_token, scope_of, token_service
from .registry_reader import Account

PAGE_SIZE = 1000
MOST_PAGES = 200
MOST_TAGS = 50_000
_LONGEST_TAG = 128
_DOCKER_HUB_API = "registry-1.docker.io"
_MANIFESTS = ", ".join(sorted(IMAGE_MEDIA_TYPES))
_NO_MANIFEST = frozenset({"MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"})
"""The last is Harbor's; the others are in the specification."""


class RegistryConnections:
    """Connections and bearer tokens that outlive an invocation.

    Args:
        clock: seconds since the epoch. A monotonic clock may stand still while an instance is frozen.
        ca_file: authorities that registries are trusted by beside the public ones; empty for none.
    """

    def __init__(self, clock: Callable[[], float] = time.time, ca_file: str = "") -> None:
        self.session = new_session(ca_file)
        self.tokens = KeptTokens()
        self.clock = clock


class _Place(NamedTuple):
    """One repository of one registry."""

    registry: str
    repository: str

    @property
    def host(self) -> str:
        return _DOCKER_HUB_API if self.registry == DOCKER_HUB else self.registry

    @property
    def url(self) -> str:
        scheme = "http" if is_loopback(urlsplit(f"//{self.host}").hostname or "") else "https"
        return f"{scheme}://{self.host}/v2/{self.repository}"

    @property
    def where(self) -> str:
        return f"registry {self.registry}, repository {self.repository}"


class OciReader:
    """``RegistryReader`` over real sockets.

    Args:
        accounts: a registry's identity -> its account, None to ask without one; may raise ``RegistryError``.
            Called once for each registry.
        remaining: seconds that are left for reading registries.
        connections: those that outlive the invocation.
        sleep: waits before a second attempt, in seconds.
        page_size: how many tags are asked for at a time.
    """

    def __init__(
        self,
        accounts: Callable[[str], Account | None],
        remaining: Callable[[], float],
        connections: RegistryConnections,
        *,
        sleep: Callable[[float], None] = time.sleep,
        page_size: int = PAGE_SIZE,
    ) -> None:
        self._ask_account = accounts
        self._accounts: dict[str, Account | None] = {}
        self._wants_basic: set[str] = set()
        self._connections = connections
        self._remaining = remaining
        self._sleep = sleep
        self._share: float | None = None
        self._spent: dict[str, float] = {}
        self._page_size = page_size

    def share(self, seconds: float) -> None:
        """See ``RegistryReader``."""
        self._share = seconds
        self._spent.clear()

    def tags(self, registry: str, repository: str) -> frozenset[str]:
        """See ``RegistryReader``."""
        place = _place(registry, repository)
        found: set[str] = set()
        listed: set[str] = set()
        asked: set[str] = set()
        url: str | None = f"{place.url}/tags/list?n={self._page_size}"
        while url is not None:
            if url in asked or len(asked) >= MOST_PAGES or len(listed) > MOST_TAGS:
                raise RegistryError(f"{place.where}: its list of tags has no last page")
            asked.add(url)
            answer = self._ask("GET", place, url, "application/json")
            if answer.status == HTTPStatus.NOT_FOUND and len(asked) == 1:
                if "NAME_UNKNOWN" in error_codes(answer.body):
                    return frozenset()
                raise RegistryError(f"{place.where}: a 404 that does not name a missing repository")
            page = listed_tags(_good(answer, place).body, where=place.where)
            cut = len(page) == self._page_size and not listed.issuperset(page)
            listed.update(page)
            found |= valid_tags(page)
            url = next_page(answer.headers, url, where=place.where)
            if url is None and cut:
                # Some registries end a full page without a link: ask for what follows its last tag. A part of
                # an overlong name sorts before it, so no tag is left out.
                last = quote(page[-1][:_LONGEST_TAG], safe="")
                url = f"{place.url}/tags/list?n={self._page_size}&last={last}"
        return frozenset(found)

    def digest(self, registry: str, repository: str, tag: str) -> str | None:
        """See ``RegistryReader``."""
        place = _place(registry, repository, tag)
        url = f"{place.url}/manifests/{tag}"
        answer = self._ask("HEAD", place, url, _MANIFESTS)
        if answer.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            stated = stated_digest(_good(answer, place).headers, where=place.where)
            if stated is not None:
                return stated
        # No digest, or a refusal without a body to explain it, perhaps another server's.
        manifest = self._manifest(place, url)
        if manifest is None:
            return None
        stated = stated_digest(manifest.headers, where=place.where)
        return stated or manifest_digest(manifest.headers, manifest.body, where=place.where)

    def kind(self, registry: str, repository: str, tag: str) -> str | None:
        """See ``RegistryReader``."""
        place = _place(registry, repository, tag)
        manifest = self._manifest(place, f"{place.url}/manifests/{tag}")
        return None if manifest is None else manifest_kind(manifest.headers, manifest.body, where=place.where)

    def made_at(self, registry: str, repository: str, tag: str) -> datetime | None:
        """See ``RegistryReader``."""
        place = _place(registry, repository, tag)
        manifest = self._manifest(place, f"{place.url}/manifests/{tag}")
        return None if manifest is None else manifest_time(manifest.headers, manifest.body)

    def _manifest(self, place: _Place, url: str) -> Answer | None:
        """The whole manifest, or None where the registry says that there is none."""
        answer = self._ask("GET", place, url, _MANIFESTS)
        if answer.status != HTTPStatus.NOT_FOUND:
            return _good(answer, place)
        if error_codes(answer.body) & _NO_MANIFEST:
            return None
        raise RegistryError(f"{place.where}: a 404 that does not name a missing manifest")

    def _ask(self, method: str, place: _Place, url: str, accept: str) -> Answer:
        """The answer, within the registry's share of the time."""
        began = self._remaining()
        try:
            return self._authorised(method, place, url, accept)
        finally:
            spent = began - self._remaining()
            self._spent[place.registry] = self._spent.get(place.registry, 0.0) + spent

    def _http(self, registry: str) -> HttpCalls:
        """Makes calls for a registry: no longer than what is left of its share, and of all time."""
        began = self._remaining()
        left = began if self._share is None else self._share - self._spent.get(registry, 0.0)
        end = max(0.0, began - left)
        return HttpCalls(self._connections.session, lambda: self._remaining() - end, self._sleep)

    def _authorised(self, method: str, place: _Place, url: str, accept: str) -> Answer:
        """The answer, authorised as the registry wants it; a refused token is renewed once."""
        http = self._http(place.registry)
        account, tokens = self._account(place.registry), self._connections.tokens
        key = (place.host, tokens.scope(place.host, place.repository, accept), account)
        headers = {"Accept": accept}
        kept = tokens.get(key, self._connections.clock())
        if kept is not None:
            headers["Authorization"] = f"Bearer {kept}"
        elif account is not None and place.host in self._wants_basic:
            headers["Authorization"] = basic(account)
        answer = http.ask(method, url, headers, where=place.where)
        if answer.status != HTTPStatus.UNAUTHORIZED:
            return answer
        tokens.drop(key)
        headers["Authorization"] = self._authorization(answer, place, account, accept, http)
        return http.ask(method, url, headers, where=place.where)

    def _account(self, registry: str) -> Account | None:
        if registry not in self._accounts:
            self._accounts[registry] = self._ask_account(registry)
        return self._accounts[registry]

    def _authorization(
        self, refusal: Answer, place: _Place, account: Account | None, accept: str, http: HttpCalls
    ) -> str:
        """The header that the registry's challenges ask for."""
        challenges = {
            challenge.scheme: challenge
            for challenge in reversed(read_challenges(refusal.headers.get("WWW-Authenticate", "")))
        }
        if "bearer" not in challenges:
            if account is None or "basic" not in challenges:
                raise RegistryError(f"{place.where}: access refused (401), and there is no account for it")
            self._wants_basic.add(place.host)
            return basic(account)
        scope = scope_of(challenges["bearer"], place.repository)
        self._connections.tokens.keep_scope(place.host, place.repository, accept, scope)
        service = token_service(challenges["bearer"], place.registry, scope, where=place.where)
        where = f"{place.where}, token service {service.host}"
        headers = {"Accept": "application/json"}
        if account is not None and service.trusted:
            headers["Authorization"] = basic(account)
        answer = http.ask("GET", service.url, headers, where=where)
        if answer.status != HTTPStatus.OK:
            withheld = account is not None and not service.trusted
            why = ", asked without the account, as it is not a known host of the registry" if withheld else ""
            raise RegistryError(f"{where}: answered {answer.status}{why}")
        now = self._connections.clock()
        token = read_token(answer.body, now)
        if token is None:
            raise RegistryError(f"{where}: the answer has no token")
        self._connections.tokens.keep((place.host, scope, account), token, now)
        return f"Bearer {token.value}"


def _place(registry: str, repository: str, tag: str = "latest") -> _Place:
    try:
        check_tag(tag)
        return _Place(check_host(registry), check_repository(repository))
    except InputError as error:
        problem = error.message
    raise RegistryError(problem)


def _good(answer: Answer, place: _Place) -> Answer:
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise RegistryError(f"{place.where}: access refused ({answer.status})")
    if answer.status != HTTPStatus.OK:
        raise RegistryError(f"{place.where}: answered {answer.status}")
    return answer
