"""The tables of docs/deploy.md say what template.yml says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from local.template.document import Resource, load_template
from tests.performance.sizes import SIZES, Times, cost_usd, seconds_at, template_sizes
from tests.support.template_variables import read_raw

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


def test_every_alert_is_in_the_table_of_alarms() -> None:
    resources = load_template(
        ROOT / "template.yml",
        {"CodeBucket": "some-bucket", "CodeObject": "package.zip", "AlarmActionPolicy": "some.policy"},
        region="cn-hangzhou",
        account_id="1234567890123456",
    )
    alerts = {
        one.properties["Detail"]["DisplayName"].removeprefix("imc-refresh ")
        for one in resources
        if one.type == "ALIYUN::SLS::Alert"
    }
    section = GUIDE.split("\n### Alarms\n", 1)[1].split("\n##", 1)[0]
    table = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("|")]
    assert set(table[2:]) == alerts


def test_the_regions_with_task_mode_are_those_of_the_template() -> None:
    sentence = GUIDE.split("exists in these regions: ", 1)[1].split(". In others", 1)[0]
    named = set(re.findall(r"`([a-z0-9-]+)`", sentence))
    condition = json.dumps(read_raw()["Conditions"]["HasTaskMode"])
    in_template = set(re.findall(r'"([a-z]+-[a-z0-9-]+)"', condition))
    assert named == in_template


def sizes_tables() -> list[list[list[str]]]:
    section = GUIDE.split("\n### Sizes\n", 1)[1].split("\n##", 1)[0]
    tables = [part for part in section.split("\n\n") if part.startswith("|")]
    return [
        [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
        for table in tables
    ]


def test_the_sizes_in_bold_are_those_that_are_deployed() -> None:
    bold = {
        (row[0].split("`")[1].replace("-", "_"), row[1].strip("*"))
        for row in sizes_tables()[0]
        if "*" in row[1]
    }
    assert bold == {(module, f"{memory} MB, {cpu:g}") for module, (memory, cpu) in template_sizes().items()}


def test_times_and_costs_of_sizes_follow_from_what_was_measured() -> None:
    sizes, measured, _ = sizes_tables()
    used = {row[0]: row[1:5] for row in measured}
    assert len(sizes) == len(SIZES) * len(measured)
    for name, size, *cells in sizes:
        memory, share = (float(part) for part in size.strip("*").replace(" MB", "").split(","))
        for column in (0, 1) if cells[1] else (0,):
            cpu, calls = float(used[name][column]), float(used[name][2 + column])
            seconds = float(cells[column])
            # Half of the last digit of what is written, at this share of a CPU.
            error = (0.005, 0.0005)[column] / share + 0.006
            assert seconds == pytest.approx(seconds_at(share, Times(0, cpu, 0, calls)), abs=error), name
            cost = 1000 * cost_usd(memory, share, seconds)
            assert float(cells[2 + column]) == pytest.approx(cost, abs=0.00006 + cost * 0.005 / seconds), name


def test_a_cold_webhook_is_answered_in_the_time_that_it_has() -> None:
    answer_seconds = read_raw()["Parameters"]["AnswerSeconds"]["Default"]
    (cold,) = {float(row[2]) for row in sizes_tables()[0] if "on-webhook" in row[0] and "*" in row[1]}
    # A second call of each kind, or a network that is twice as slow, fits too.
    assert cold <= answer_seconds - 0.5
