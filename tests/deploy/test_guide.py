"""The tables of docs/deploy.md say what template.yml says."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.template.document import Resource, load_template

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = GUIDE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = next(part for part in section.strip().split("\n\n") if part.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.fixture(scope="module")
def resources() -> dict[str, Resource]:
    loaded = load_template(
        ROOT / "template.yml",
        {"CodeBucket": "some-bucket", "CodeObject": "package.zip", "WebhookTokens": "x" * 16},
        region="cn-hangzhou",
        account_id="1234567890123456",
    )
    return {resource.logical_id: resource for resource in loaded}


def test_every_function_is_in_the_table_with_its_size(resources: dict[str, Resource]) -> None:
    deployed = {
        f"`{resource.properties['FunctionName'].removeprefix('imc-refresh-')}`": (
            f"{resource.properties['MemorySize']} MB, {resource.properties['Cpu']}, "
            f"{resource.properties['Timeout']} s"
        )
        for resource in resources.values()
        if resource.type == "ALIYUN::FC3::Function"
    }
    assert {row[0]: row[1] for row in rows("What is deployed")} == deployed


def test_the_table_tells_how_often_each_function_is_tried_again(resources: dict[str, Resource]) -> None:
    told = {row[0].strip("`"): row[3] for row in rows("What is deployed")}
    configured = {
        resource.properties["FunctionName"].removeprefix("imc-refresh-"): resource.properties
        for resource in resources.values()
        if resource.type == "ALIYUN::FC3::AsyncInvokeConfig"
    }
    assert {name for name, text in told.items() if not text.startswith("none")} == set(configured)
    for name, properties in configured.items():
        age = {3600: "an hour", 86400: "a day"}[properties["MaxAsyncEventAgeInSeconds"]]
        assert f"{properties['MaxAsyncRetryAttempts']} retries, {age}" in told[name]
        assert ("task mode" in told[name]) == properties["AsyncTask"]
