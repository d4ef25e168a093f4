"""Fixtures that the tests of several folders use."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator

import pytest

from local.permissions.credentials import Credential

from .clock import ManualClock
from .eci import REGION, EciServer, LocalEci, eci_server

_OURS = ("IMC_", "ALIYUN_", "ALIBABA_CLOUD_", "FC_")
_THEIRS = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "netrc", "debug"}


@pytest.fixture
def no_collection() -> Iterator[None]:
    """For texts that take the JSON parser to the interpreter's limit of recursion.

    A collection of garbage at that depth leaves no room for finalizers and callbacks, such as the one of
    Hypothesis, whose failure would be the test's. Whether one happens there is chance.
    """
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable that this application or the SDK reads, but what a test sets."""
    for name in list(os.environ):
        if name.startswith(_OURS) or name.lower() in _THEIRS:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_eci(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EciServer]:
    """One ECI server for all tests of this process, in real time. A test wants it ``renewed``."""
    with eci_server(tmp_path_factory.mktemp("eci") / "eci.sqlite") as server:
        yield server


@pytest.fixture(scope="session")
def shared_still_eci(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EciServer]:
    """Another one, whose time passes only when a test says so."""
    with eci_server(tmp_path_factory.mktemp("eci") / "eci.sqlite", ManualClock()) as server:
        yield server


@pytest.fixture
def use_credential(monkeypatch: pytest.MonkeyPatch) -> Callable[[Credential], None]:
    """Puts a credential where the platform puts it."""

    def use(credential: Credential) -> None:
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", credential.access_key_id)
        monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", credential.access_key_secret)
        monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", credential.security_token or "")

    return use


@pytest.fixture
def deploy(
    monkeypatch: pytest.MonkeyPatch, use_credential: Callable[[Credential], None]
) -> Callable[..., LocalEci]:
    """Sets the environment of functions that are deployed against a server."""

    def make(eci: LocalEci, **variables: str) -> LocalEci:
        values = {"IMC_ECI_ENDPOINT": eci.url, "IMC_REGIONS": REGION, **variables}
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        use_credential(eci.credential)
        return eci

    return make
