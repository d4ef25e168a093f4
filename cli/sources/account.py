"""The caches of an account, or of the local cloud in its place, by the library's own client of ECI.

Importing this module costs nothing; its first call imports the vendor's SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from imagecache.base.credentials import Credentials
from imagecache.base.deadline import Deadline
from imagecache.base.environment import Environment
from imagecache.base.errors import EciError
from imagecache.base.reasons import Reason
from imagecache.clients.connections import Connections
from imagecache.config.setting_table import ECI_ENDPOINT, FC_ENDPOINT, REGION_IDS
from imagecache.model.image_cache import Listing

from ..problem import Problem
from ..services.credentials import find_credentials, refused_key
from .cache_file import listing_of

if TYPE_CHECKING:
    from imagecache.clients.eci import SdkGateway

_SECONDS = 120.0
_MOST_AT_ONCE = 16


@dataclass(frozen=True)
class Account:
    """Whose caches are read, and where.

    Attributes:
        regions: all that are read.
        endpoint: of ECI, with an optional ``{region}``.
        credentials: of whoever asks.
        fc_endpoint: of Function Compute, with an optional ``{account}`` and ``{region}``.
    """

    regions: tuple[str, ...]
    endpoint: str
    credentials: Credentials = field(repr=False)
    fc_endpoint: str

    def listings(self) -> tuple[Listing, ...]:
        """The caches of all regions, read side by side.

        Raises:
            Problem: when one of them could not be read.
        """
        now = datetime.now(timezone.utc)
        found = []
        with self.eci() as eci, ThreadPoolExecutor(min(len(self.regions), _MOST_AT_ONCE)) as pool:
            asked = [(region, pool.submit(eci.list_image_caches, region)) for region in self.regions]
        for region, answer in asked:
            try:
                caches = answer.result()
            except EciError as error:
                key = refused_key("ECI", error.code)
                if key is not None:
                    raise Problem(f"{key[0]}.", key[1]) from None
                unread = f"the image caches of {region} could not be read: {error.message}"
                raise Problem(unread, self._remedy(error, region)) from None
            found.append(listing_of(region, caches, now))
        return tuple(found)

    def _remedy(self, error: EciError, region: str) -> str:
        if error.reason not in {Reason.CONNECTION_FAILED, Reason.TIMED_OUT}:
            return ""
        address = self.endpoint.replace("{region}", region)
        return f"Look at the network, and whether ECI is in {region}; it was asked at {address}."

    @contextmanager
    def eci(self, seconds: float = _SECONDS) -> Iterator[SdkGateway]:
        """The calls to ECI, for so long."""
        try:
            from imagecache.clients.eci import SdkGateway  # noqa: PLC0415 - imports the vendor's SDK
        except ImportError as error:
            raise Problem(f"the vendor's SDK is not installed: {error.name}", "Give --caches FILE.") from None
        connections = Connections().eci
        try:
            yield SdkGateway(self.endpoint, self.credentials, Deadline(seconds), connections)
        finally:
            connections.client(self.credentials).session.close()


def own_account(
    environ: Mapping[str, str], regions: tuple[str, ...], profile: str, *, or_file: bool
) -> Account:
    """The account of a person's key.

    Args:
        environ: the variables; ``IMC_REGIONS`` and ``IMC_ECI_ENDPOINT`` count as in a function.
        regions: those that a person named; without them the environment's.
        profile: of the vendor's command line tool; empty for the default chain of credentials.
        or_file: whether the command also takes caches from a file.

    Raises:
        Problem: when there is no key or no region.
    """
    env = Environment(environ)
    wanted, endpoint, compute = regions or REGION_IDS.read(env), ECI_ENDPOINT.read(env), FC_ENDPOINT.read(env)
    if env.problems:
        raise Problem("; ".join(env.problems))
    if not wanted:
        other = "--caches FILE" if or_file else "--local for the local cloud"
        raise Problem("no region is named", f"Give --region cn-hangzhou, or {other}.")
    credentials = find_credentials(profile, "Or give --caches FILE." if or_file else "")
    return Account(wanted, endpoint, credentials, compute)


def local_account(folder: str, regions: tuple[str, ...]) -> Account:
    """The local cloud that is served from a folder.

    Args:
        folder: its state.
        regions: those that a person named; without them all that have caches.

    Raises:
        Problem: when nothing is served from it.
    """
    try:
        import httpx  # noqa: PLC0415 - see below

        from local.base.state_folder import NothingServedError, read_endpoints  # noqa: PLC0415 - see below
        from local.eci.control import ControlError, EciControl  # noqa: PLC0415 - see below
        from local.permissions.credentials import CredentialStore  # noqa: PLC0415 - only for --local
    except ImportError as error:
        raise Problem(f"the local cloud is not installed: {error.name}") from None
    try:
        endpoints = read_endpoints(Path(folder))
        url = endpoints["eci"]
        store, control = CredentialStore(Path(folder) / "cloud.db"), EciControl(url)
        try:
            key = store.issue()
            known = {str(cache["region_id"]) for cache in control.caches()}
        finally:
            control.close()
            store.close()
    except (NothingServedError, ControlError, httpx.HTTPError) as error:
        raise Problem(str(error)) from None
    token = key.security_token or ""
    credentials = Credentials(key.access_key_id, key.access_key_secret, token)
    return Account(regions or tuple(sorted(known)) or ("cn-hangzhou",), url, credentials, endpoints["fc"])
