"""One call of the API, from its bytes to its answer: who asks, what goes wrong, what is done, what is kept.

Each call is one transaction: either all of what it changes is stored, or nothing. Must not know sockets.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.database import Connection, connect, empty, transaction
from ..permissions import access, acs3
from ..permissions.credentials import CredentialStore
from . import faults, journal, machine, store
from .cache import Cache
from .describe import describe
from .errors import ApiError, invalid, missing
from .parameters import decode
from .requests import read_describe, read_update
from .signature import NONCE_MEMORY_SECONDS, authenticate
from .tagging import TAG_ACTIONS, read_tag_request, retagged

__all__ = ["VERSION", "Answer", "Service"]

VERSION = "2018-08-08"
TOKEN_MEMORY_SECONDS = 24 * 3600
"""How long a ClientToken is remembered."""


@dataclass(frozen=True)
class Answer:
    """What the API answers, and the fault that happens to it on its way.

    Attributes:
        status: the HTTP status.
        document: the JSON body.
        fault: None when nothing should go wrong.
    """

    status: int
    document: Mapping[str, Any]
    fault: faults.Fault | None = None


class Service:
    """The API on a database.

    Args:
        database_path: the SQLite file; access keys are those of the ``CredentialStore`` in it.
        clock: the time of the caches, in seconds since the epoch.
        gateway_clock: the time that signatures and access keys are checked against.
        account_id: whose image caches these are, in the names of resources.
    """

    def __init__(
        self,
        database_path: Path | str,
        *,
        clock: Callable[[], float],
        gateway_clock: Callable[[], float],
        account_id: str = access.ACCOUNT_ID,
    ) -> None:
        self._account_id = account_id
        self.clock = clock
        self._gateway_clock = gateway_clock
        self._credentials = CredentialStore(database_path)
        self.connection: Connection = connect(database_path)
        self.connection.executescript(store.SCHEMA + faults.SCHEMA + journal.SCHEMA + access.SCHEMA)

    def call(
        self, method: str, query: bytes, form: bytes, host: str, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Answer a call; whatever is wrong with it is in the answer, and it is in the journal.

        Args:
            method: the HTTP method.
            query: the query of the URL.
            form: the body, empty or URL-encoded.
            host: as the client named the server.
            headers: names in lower case; those of a call that is signed as the vendor's newer SDKs do.
        """
        request_id = str(uuid.uuid4()).upper()
        parameters: dict[str, str] = {}
        fault: faults.Fault | None = None
        code: str | None = None
        with transaction(self.connection):
            try:
                parameters = decode(query, form)
                if headers and headers.get("authorization", "").startswith(acs3.SCHEME):
                    principal = self._admit_acs3(method, query, form, headers)
                    parameters["Action"] = headers.get("x-acs-action", "")
                else:
                    principal = self._admit(method, parameters)
                fault = faults.take(self.connection, faults.ANSWER_KINDS, parameters)
                status, document = 200, self._perform(parameters, principal, request_id, fault)
            except ApiError as error:
                status, code = error.status, error.code
                document = _refusal(error, request_id, host)
            answer = Answer(status, document, fault)
            journal.record(
                self.connection,
                journal.Call(
                    at=self.clock(),
                    method=method,
                    action=parameters.get("Action"),
                    parameters=parameters,
                    status=status if fault is None else fault.seen_status(status),
                    code=code,
                    fault=None if fault is None else fault.kind,
                    request_id=str(document.get("RequestId", request_id)),
                ),
            )
        return answer

    def reset(self) -> None:
        """Be as a server on a new file: no caches, faults or calls, and the default settings.

        Access keys stay: they are the ``CredentialStore``'s to revoke.
        """
        empty(self.connection, (*store.TABLES, "faults", "calls"))

    def close(self) -> None:
        """Close the database."""
        self._credentials.close()
        self.connection.close()

    def _admit(self, method: str, parameters: Mapping[str, str]) -> str | None:
        """Returns who calls; see ``permissions.access``."""
        if method not in {"GET", "POST"}:
            raise ApiError("UnsupportedHTTPMethod")
        for name in ("Action", "Version"):
            if not parameters.get(name):
                raise missing(name)
        if parameters.get("Format", "JSON").upper() != "JSON":
            raise invalid("Format", "JSON is expected, the only format of this server")
        now = self._gateway_clock()
        credential = authenticate(
            method,
            parameters,
            now,
            self._credentials.lookup,
            lambda access_key_id, nonce: store.use_nonce(
                self.connection, access_key_id, nonce, now=now, memory_seconds=NONCE_MEMORY_SECONDS
            ),
        )
        if parameters["Version"] != VERSION:
            raise ApiError("InvalidVersion")
        return credential.principal

    def _admit_acs3(self, method: str, query: bytes, form: bytes, headers: Mapping[str, str]) -> str | None:
        """The same for the signature of the newer SDKs, whose action and version are headers."""
        target = f"/?{query.decode('ascii')}"
        request, now = acs3.Request(method, target, headers, form), self._gateway_clock()
        try:
            credential = acs3.check_acs3(request, self._credentials.lookup, now)
        except acs3.SignatureError as error:
            raise ApiError(error.code, str(error), 400) from None
        nonce, memory = headers["x-acs-signature-nonce"], NONCE_MEMORY_SECONDS
        key_id = credential.access_key_id
        if not store.use_nonce(self.connection, key_id, nonce, now=now, memory_seconds=memory):
            raise ApiError("SignatureNonceUsed")
        if headers.get("x-acs-version") != VERSION:
            raise ApiError("InvalidVersion")
        return credential.principal

    def _perform(
        self,
        parameters: Mapping[str, str],
        principal: str | None,
        request_id: str,
        fault: faults.Fault | None,
    ) -> dict[str, Any]:
        document = {"RequestId": request_id}
        if fault is None or fault.acts:
            document = self._act(parameters, principal, request_id)
        if fault is not None and fault.kind == "error":
            raise ApiError(fault.code, fault.message, fault.status)
        return document

    def _act(self, parameters: Mapping[str, str], principal: str | None, request_id: str) -> dict[str, Any]:
        if parameters["Action"] == "DescribeImageCaches":
            return {"RequestId": request_id, **self._describe(parameters, principal)}
        if parameters["Action"] == "UpdateImageCache":
            return {"RequestId": self._update(parameters, principal, request_id)}
        if parameters["Action"] in TAG_ACTIONS:
            self._tag(parameters, principal)
            return {"RequestId": request_id}
        raise ApiError("InvalidAction.NotFound")

    def _require(self, principal: str | None, action: str, region_id: str, image_cache: str) -> None:
        """Refuse what the caller's role does not allow; the names are those of the API's pages."""
        resource = f"acs:eci:{region_id}:{self._account_id}:imagecache/{image_cache}"
        if not access.permitted(self.connection, principal, f"eci:{action}", resource):
            raise ApiError("NoPermission")

    def _describe(self, parameters: Mapping[str, str], principal: str | None) -> dict[str, Any]:
        settings = store.load_settings(self.connection)
        request = read_describe(parameters, settings.largest_limit)
        self._require(principal, "DescribeImageCaches", request.region_id, "*")
        one = request.image_cache_id is not None
        lag = settings.read_lag_seconds if one else settings.listing_lag_seconds
        at = self.clock() - lag
        caches = (
            store.load_caches_of(self.connection, request.region_id, at)
            if lag
            else store.load_caches(self.connection, request.region_id)
        )
        observed = [(number, machine.observe(cache, at)) for number, cache in caches]
        return describe(observed, request, at, events=settings.show_events)

    def _tag(self, parameters: Mapping[str, str], principal: str | None) -> None:
        mode = store.load_settings(self.connection).tag_calls
        if mode == "unknown":
            raise ApiError("InvalidAction.NotFound")
        if mode == "forbid":
            raise ApiError("Forbidden", "The action is not open to this account.", 403)
        request = read_tag_request(parameters)
        now = self.clock()
        caches = []
        for image_cache_id in request.image_cache_ids:
            self._require(principal, parameters["Action"], request.region_id, image_cache_id)
            caches.append(retagged(self._observed(image_cache_id, request.region_id, now), request))
        # Written when all are known to be good: of a refused call nothing is done.
        for cache in caches:
            store.save_cache(self.connection, cache, now)

    def _observed(self, image_cache_id: str, region_id: str, now: float) -> Cache:
        cache = store.load_cache(self.connection, image_cache_id)
        if cache is None or cache.region_id != region_id:
            raise ApiError("InvalidParameter.NotFound")
        return machine.observe(cache, now)

    def _update(self, parameters: Mapping[str, str], principal: str | None, request_id: str) -> str:
        """Returns the RequestId of the answer: a ClientToken gets that of its first answer."""
        request = read_update(parameters)
        self._require(principal, "UpdateImageCache", request.region_id, request.image_cache_id)
        now = self.clock()
        token = request.client_token
        if token is not None:
            known = store.recall_answer(self.connection, token, now - TOKEN_MEMORY_SECONDS)
            if known is not None:
                first_fingerprint, first_request_id = known
                if first_fingerprint != request.fingerprint:
                    raise ApiError("IdempotentParameterMismatch")
                return first_request_id
        cache = self._observed(request.image_cache_id, request.region_id, now)
        settings = store.load_settings(self.connection)
        updated = machine.update(cache, request, settings, now=now, key=uuid.uuid4().hex[:20])
        if request.images is not None:
            failing = faults.take(self.connection, {faults.UPDATE_FAILS}, parameters)
            if failing is not None:
                updated = machine.with_failure(updated, failing.message)
        store.save_cache(self.connection, updated, now)
        store.add_update(self.connection, updated, at=now, client_token=token, request_id=request_id)
        # Only accepted updates are remembered: a refused one may be tried again with its token.
        if token is not None:
            store.remember_answer(self.connection, token, request.fingerprint, request_id, now)
        return request_id


def _refusal(error: ApiError, request_id: str, host: str) -> dict[str, Any]:
    return {
        "RequestId": request_id,
        "HostId": host,
        "Code": error.code,
        "Message": error.message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}&product=Eci",
    }
