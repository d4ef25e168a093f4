"""The policies of docs/operate.md: each is enough for what its page says, and for nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from local.permissions.credentials import Credential
from tests.support.operator import API, WEB, Act, account_environment, asked, key_of, policies

READS = {"eci:DescribeImageCaches"}
ACTS = {*READS, "eci:TagResources", "eci:UntagResources", "fc:InvokeFunction"}


def given_rights(act: Act, monkeypatch: pytest.MonkeyPatch, who: str, policy: dict[str, Any]) -> None:
    """From now on commands ask with the key of somebody."""
    key: Credential = key_of(act.cloud, f"{who}-{act.name}", policy)
    for name, value in account_environment(act.cloud, key).items():
        monkeypatch.setenv(name, value)


def test_a_reader_reads_and_cannot_act(act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    identifier = act.cache()
    given_rights(act, monkeypatch, "reader", policies()[0])
    for read in (("status",), ("plan", f"{WEB}:v1.1.0"), ("why", act.name)):
        assert act.ask(*read).exit_code == 0
    refused: dict[tuple[str, ...], str] = {
        ("refresh", act.name): "the right fc:InvokeFunction",
        ("approve", act.name, f"{WEB}:v1.1.0"): "the right fc:InvokeFunction",
        ("rollback", act.name, "--to", "v0.9.0"): "the right fc:InvokeFunction",
    }
    for command, told in refused.items():
        said = act.ask(*command, "--yes")
        assert (said.exit_code, told in said.stderr) == (2, True), said.output
    said = act.ask("hold", act.name, "--yes")
    assert (said.exit_code, "eci:TagResources" in said.stderr) == (1, True)
    assert asked(act.cloud, f"reader-{act.name}") == READS
    assert (act.hold(identifier), act.cloud.control.history(identifier)) == (None, [])


def test_an_operator_needs_each_right_and_no_other(act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    identifier = act.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0", tags={"asks": ""})
    given_rights(act, monkeypatch, "operator", policies()[1])
    for command in (
        ("refresh", act.name),
        ("hold", act.name),
        ("release", act.name),
        ("approve", act.name, f"{API}:v1.1.0"),
        ("rollback", act.name, "--to", f"{WEB}:v0.9.0"),
    ):
        said = act.ask(*command, "--yes")
        assert said.exit_code == 0, said.output
    assert act.images(identifier) == [f"{WEB}:v0.9.0", f"{API}:v1.1.0"]
    assert asked(act.cloud, f"operator-{act.name}") == ACTS


def test_another_function_is_not_the_operators_to_invoke(act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    act.cache()
    given_rights(act, monkeypatch, "operator", policies()[1])
    said = act.ask("refresh", act.name, "--yes", "--prefix", "staging")
    assert (said.exit_code, "the right fc:InvokeFunction on staging-on-manual" in said.stderr) == (2, True)
