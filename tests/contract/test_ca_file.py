"""Registries of one's own are trusted by a file of authorities, beside the public ones and nowhere else."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import requests.certs

from imagecache.base.errors import RegistryError, SettingsError
from imagecache.clients.connections import Connections
from imagecache.clients.http_calls import HttpCalls, new_session
from imagecache.config.ca_file import MOST_BYTES, PACKAGE
from imagecache.config.settings import Settings, read_settings
from tests.contract.test_gateway_transport import certificate

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def registry(tmp_path: Path, raw_server: Any) -> tuple[str, Path]:
    """The URL of a server with a certificate of its own, and the file that names its authority."""
    chain, key = certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server = raw_server(lambda _head: ANSWER, tls=context)
    return f"https://localhost:{server.port}/v2/", chain


def ask(url: str, ca_file: str) -> int:
    with new_session(ca_file) as session:
        return HttpCalls(session, lambda: 10.0).ask("GET", url, {}, where="registry").status


def test_a_registry_is_trusted_by_the_file(registry: tuple[str, Path]) -> None:
    url, chain = registry
    assert ask(url, str(chain)) == 200


def test_without_the_file_it_is_not(registry: tuple[str, Path]) -> None:
    with pytest.raises(RegistryError, match="SSLError"):
        ask(registry[0], "")


def test_a_certificate_of_another_host_is_not_trusted(registry: tuple[str, Path]) -> None:
    url, chain = registry
    with pytest.raises(RegistryError, match="SSLError"):
        ask(url.replace("localhost", "127.0.0.1"), str(chain))


def test_an_authority_of_another_is_not_trusted(registry: tuple[str, Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other, _ = certificate(tmp_path / "other", "localhost")
    with pytest.raises(RegistryError, match="SSLError"):
        ask(registry[0], str(other))


def test_what_the_machine_trusts_stays_trusted(
    registry: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, chain = registry
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(chain))
    assert ask(url, requests.certs.where()) == 200


def test_what_the_machine_trusts_does_not_replace_the_file(
    registry: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, chain = registry
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", requests.certs.where())
    assert ask(url, str(chain)) == 200


def test_connections_of_another_file_are_others(tmp_path: Path) -> None:
    chain, _ = certificate(tmp_path, "localhost")
    connections = Connections()
    public = connections.registries("")
    assert connections.registries("") is public
    own = connections.registries(str(chain))
    assert own is not public
    assert connections.registries(str(chain)) is own
    for one in (public, own):
        one.session.close()


def settings(name: str) -> Settings:
    return read_settings({"FC_REGION": "cn-hangzhou", "IMC_CA_FILE": name})


def test_the_setting_names_a_file_by_its_path_or_inside_the_package(tmp_path: Path) -> None:
    chain, _ = certificate(tmp_path, "localhost")
    assert settings(str(chain)).ca_file == str(chain)
    assert settings("").ca_file == ""
    with pytest.raises(SettingsError, match=r"IMC_CA_FILE: 'no-such\.pem' cannot be read: No such file"):
        settings("no-such.pem")
    assert PACKAGE.name == "functions"


WRONG = {
    "nothing in it": (b"", "has no certificate in PEM form"),
    "text": (b"MARK", "has no certificate in PEM form"),
    "a broken certificate": (
        b"-----BEGIN CERTIFICATE-----\nMARK\n-----END CERTIFICATE-----\n",
        "has no certificate in PEM form",
    ),
    "too large": (b" " * (MOST_BYTES + 1), f"more than {MOST_BYTES}"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_none_is_a_settings_error(tmp_path: Path, case: str) -> None:
    content, told = WRONG[case]
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        settings(str(path))
    assert told in str(raised.value)
    assert "MARK" not in str(raised.value)


def test_a_folder_and_a_name_that_is_none_are_settings_errors(tmp_path: Path) -> None:
    for name, told in ((str(tmp_path), "cannot be read"), ("a\0b", "cannot be read: it is not a file name")):
        with pytest.raises(SettingsError) as raised:
            settings(name)
        assert told in str(raised.value), name
