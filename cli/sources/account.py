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

from imagecache.base.credentials import Credentials, read_credentials
from imagecache.base.deadline import Deadline
from imagecache.base.environment import Environment
from imagecache.base.errors import CredentialsError, EciError
from imagecache.clients.clients import LiveClients
from imagecache.clients.connections import Connections
from imagecache.clients.eci_gateway import EciGateway
from imagecache.config.setting_table import ECI_ENDPOINT, REGION_IDS
from imagecache.config.settings import Settings
from imagecache.model.image_cache import Listing

from ..problem import Problem
from .cache_file import listing_of

_SECONDS = 120.0
_MOST_AT_ONCE = 16
_KEYS = "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or give --caches FILE."


@dataclass(frozen=True)
class Account:
    """Whose caches are read, and where.

    Attributes:
        regions: all that are read.
        endpoint: of ECI, with an optional ``{region}``.
        credentials: of whoever asks.
    """

    regions: tuple[str, ...]
    endpoint: str
    credentials: Credentials = field(repr=False)

    def listings(self) -> tuple[Listing, ...]:
        """The caches of all regions, read side by side.

        Raises:
            Problem: when one of them could not be read.
        """
        now = datetime.now(timezone.utc)
        found = []
        with self._eci() as eci, ThreadPoolExecutor(min(len(self.regions), _MOST_AT_ONCE)) as pool:
            asked = [(region, pool.submit(eci.list_image_caches, region)) for region in self.regions]
        for region, answer in asked:
            try:
                caches = answer.result()
            except EciError as error:
                raise Problem(f"the image caches of {region} could not be read: {error.message}") from None
            found.append(listing_of(region, caches, now))
        return tuple(found)

    @contextmanager
    def _eci(self) -> Iterator[EciGateway]:
        connections = Connections()
        settings = Settings(self.regions, eci_endpoint=self.endpoint)
        clients = LiveClients(settings, self.credentials, Deadline(_SECONDS), connections)
        try:
            eci = clients.eci
        except ImportError as error:
            raise Problem(f"the vendor's SDK is not installed: {error.name}", "Give --caches FILE.") from None
        try:
            yield eci
        finally:
            connections.eci.client(self.credentials).session.close()


def own_account(environ: Mapping[str, str], regions: tuple[str, ...]) -> Account:
    """The account of the environment's key.

    Args:
        environ: the variables; ``IMC_REGIONS`` and ``IMC_ECI_ENDPOINT`` count as in a function.
        regions: those that a person named; without them the environment's.

    Raises:
        Problem: when there is no key or no region.
    """
    env = Environment(environ)
    wanted, endpoint = regions or REGION_IDS.read(env), ECI_ENDPOINT.read(env)
    if env.problems:
        raise Problem("; ".join(env.problems))
    if not wanted:
        raise Problem("no region is named", "Give --region cn-hangzhou, or --caches FILE.")
    try:
        credentials = read_credentials(environ, None)
    except CredentialsError:
        raise Problem("there is no access key in the environment", _KEYS) from None
    return Account(wanted, endpoint, credentials)


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
        url = read_endpoints(Path(folder))["eci"]
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
    return Account(regions or tuple(sorted(known)) or ("cn-hangzhou",), url, credentials)
