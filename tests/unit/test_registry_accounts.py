"""Which account a registry is asked with: that of its own configuration, and of no other registry's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from imagecache.base.credentials import Credentials
from imagecache.base.errors import RegistryError
from imagecache.clients.acr_login import AcrConnections
from imagecache.clients.registry_accounts import RegistryAccounts
from imagecache.clients.registry_reader import Account
from imagecache.config.settings import Settings
from imagecache.policy.rules import Rule, Rules
from local.permissions.credentials import CredentialStore
from tests.contract.acr_api import AcrApi, acr_api

ENTERPRISE = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
PERSONAL = "crpi-abc123.cn-beijing.personal.cr.aliyuncs.com"
SHARED = "registry.cn-hangzhou.aliyuncs.com"
ALIAS = "images.example.com"
ALIASES = {ALIAS: ENTERPRISE}
NOW = 1_700_000_000
PASSWORD = "s3cret"


@dataclass
class Setting:
    """Container Registry's API, and how often what is needed for it was asked for."""

    api: AcrApi
    credentials: Credentials
    connections: AcrConnections = field(default_factory=lambda: AcrConnections(lambda: float(NOW)))
    needed: list[str] = field(default_factory=list)

    def accounts(
        self, *updates: dict[str, Any], regions: tuple[str, ...] = ("cn-shanghai",)
    ) -> RegistryAccounts:
        rules = tuple(Rule(f"r{number}", update=update) for number, update in enumerate(updates))
        settings = Settings(regions, cr_endpoint=self.api.url, rules=Rules(rules, ALIASES))
        return RegistryAccounts(settings, self._credentials, lambda: 9.0, self._connections)

    def _credentials(self) -> Credentials:
        self.needed.append("credentials")
        return self.credentials

    def _connections(self) -> AcrConnections:
        self.needed.append("connections")
        return self.connections

    @property
    def asked(self) -> list[tuple[str | None, str]]:
        """The instance and the region of each login that was asked for."""
        return [(call.parameters.get("InstanceId"), call.parameters["RegionId"]) for call in self.api.calls]


@pytest.fixture(name="setting")
def _setting(tmp_path: Path) -> Iterator[Setting]:
    store = CredentialStore(tmp_path / "keys.sqlite")
    issued = store.issue()
    store.close()
    given = Credentials(issued.access_key_id, issued.access_key_secret, issued.security_token or "")
    with acr_api(issued, lambda: NOW * 1000) as api:
        made = Setting(api, given)
        yield made
        made.connections.clients.client(given).session.close()


def password(server: str, user: str = "puller") -> dict[str, Any]:
    return {"ImageRegistryCredential": [{"Server": server, "UserName": user, "Password": PASSWORD}]}


def instance(**facts: Any) -> dict[str, Any]:
    return {"AcrRegistryInfo": [{"InstanceId": "cri-1", **facts}]}


@pytest.mark.parametrize(
    ("server", "registry", "expected"),
    [
        pytest.param("r.example.com", "r.example.com", True, id="the host"),
        pytest.param("R.Example.com:443", "r.example.com", True, id="case and port"),
        pytest.param("r.example.com/team", "r.example.com", True, id="a path behind the host"),
        pytest.param("acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com", ENTERPRISE, True, id="the VPC host"),
        pytest.param(ALIAS, ENTERPRISE, True, id="an alias"),
        pytest.param("index.docker.io", "docker.io", True, id="Docker Hub"),
        pytest.param("r.example.com", "r.example.com:5000", False, id="another port"),
        pytest.param("r.example.com", "x.r.example.com", False, id="below the host"),
        pytest.param("example.com", "r.example.com", False, id="the domain"),
        pytest.param("r.example.com", "r.example.com.evil.example", False, id="a look-alike"),
        pytest.param("r.example.com", ENTERPRISE, False, id="another registry"),
        pytest.param("a..b", "r.example.com", False, id="no host"),
    ],
)
def test_a_password_is_for_its_registry_only(
    setting: Setting, server: str, registry: str, expected: bool
) -> None:
    account = setting.accounts({}, password(server)).account(registry)
    assert account == (Account("puller", PASSWORD) if expected else None)
    assert setting.needed == []


@pytest.mark.parametrize(
    ("facts", "registry", "login"),
    [
        pytest.param({"Domain": [ALIAS]}, ENTERPRISE, ("cri-1", "cn-hangzhou"), id="a domain, an alias"),
        pytest.param(
            {"Domain": ["other.example.com", "q.example.com"], "RegionId": "cn-beijing"},
            "q.example.com",
            ("cri-1", "cn-beijing"),
            id="one of the domains",
        ),
        pytest.param(
            {"Domain": ["q.example.com"]}, "q.example.com", ("cri-1", "cn-shanghai"), id="the first region"
        ),
        pytest.param(
            {"Domain": ["acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"]},
            ENTERPRISE,
            ("cri-1", "cn-hangzhou"),
            id="the region of the registry's name",
        ),
        pytest.param(
            {"InstanceName": "acme"}, ENTERPRISE, ("cri-1", "cn-hangzhou"), id="the instance's name"
        ),
        pytest.param(
            {"InstanceName": "acme", "RegionId": "cn-hangzhou"},
            ENTERPRISE,
            ("cri-1", "cn-hangzhou"),
            id="name and region",
        ),
        pytest.param(
            {"InstanceName": "acme", "RegionId": "cn-beijing"}, ENTERPRISE, None, id="its name elsewhere"
        ),
        pytest.param({"InstanceName": "acm"}, ENTERPRISE, None, id="another name"),
        pytest.param({"InstanceName": "a..b"}, ENTERPRISE, None, id="no name"),
        pytest.param({}, ENTERPRISE, None, id="nothing tells the host"),
        pytest.param({"InstanceId": "crpi-abc123"}, PERSONAL, (None, "cn-beijing"), id="personal edition"),
        pytest.param(
            {"InstanceId": "crpi-abc123", "RegionId": "cn-hangzhou"}, PERSONAL, None, id="personal, elsewhere"
        ),
        pytest.param({"InstanceId": "crpi-abc"}, PERSONAL, None, id="another personal instance"),
        pytest.param({"Domain": [ALIAS]}, SHARED, None, id="another registry"),
    ],
)
def test_an_instance_gives_a_temporary_account(
    setting: Setting, facts: dict[str, Any], registry: str, login: tuple[str | None, str] | None
) -> None:
    account = setting.accounts(instance(**facts)).account(registry)
    if login is None:
        assert account is None
        assert setting.needed == []
    else:
        assert account == Account("cr_temp_user-1", "MARK-login-1")
    assert setting.asked == ([] if login is None else [login])


def test_a_password_comes_first_in_whatever_rule_it_is(setting: Setting) -> None:
    accounts = setting.accounts(instance(Domain=["r.example.com"]), password("r.example.com"))
    assert accounts.account("r.example.com") == Account("puller", PASSWORD)
    assert setting.asked == []


def test_of_two_passwords_the_first_rules_counts(setting: Setting) -> None:
    accounts = setting.accounts(password("r.example.com", "first"), password("r.example.com", "second"))
    assert accounts.account("r.example.com") == Account("first", PASSWORD)


def test_without_configuration_a_registry_is_asked_anonymously(setting: Setting) -> None:
    assert setting.accounts().account(ENTERPRISE) is None
    assert setting.accounts({"RetentionDays": 7}).account(ENTERPRISE) is None


def test_what_is_needed_for_logins_is_asked_for_once(setting: Setting) -> None:
    both = {
        "AcrRegistryInfo": [
            {"InstanceId": "cri-1", "Domain": [ALIAS]},
            {"InstanceId": "cri-2", "Domain": ["q.example.com"]},
        ]
    }
    accounts = setting.accounts(both)
    for registry in (ENTERPRISE, "q.example.com", ENTERPRISE):
        assert accounts.account(registry) is not None
    assert sorted(setting.needed) == ["connections", "credentials"]
    assert setting.asked == [("cri-1", "cn-hangzhou"), ("cri-2", "cn-shanghai")]


def test_a_login_that_is_refused_is_an_error_without_a_secret(setting: Setting) -> None:
    setting.api.instead.append((403, b'{"Code": "NoPermission", "Message": "it is:MARK"}'))
    with pytest.raises(RegistryError, match="cri-1") as raised:
        setting.accounts(instance(Domain=[ALIAS])).account(ENTERPRISE)
    assert "MARK" not in str(raised.value)
    assert setting.credentials.access_key_secret not in str(raised.value)
