"""The log index, the dashboard and the alerts speak of the fields that outcome records really have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from imagecache.base.reasons import Reason, Result
from local.template.document import Resource, load_template

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas/outcome.schema.json").read_text(encoding="utf-8"))
NOT_INDEXED = {
    # An object whose keys are image lists and parameters: read in the record, not searched.
    "request",
}
INDEX_TYPES = {"integer": "long", "number": "double"}
IN_SEARCH = re.compile(r"\bmessage\.([a-z_.]+)\s*[:><=]")
IN_SQL = re.compile(r'"message\.([a-z_.]+)"')


@pytest.fixture(scope="module")
def resources() -> dict[str, Resource]:
    parameters = {
        "CodeBucket": "some-bucket",
        "CodeObject": "package.zip",
        "AlarmContactGroup": "on-call",
        "AlarmActionPolicy": "some.policy",
    }
    loaded = load_template(
        ROOT / "template.yml", parameters, region="cn-hangzhou", account_id="1234567890123456"
    )
    return {resource.logical_id: resource for resource in loaded}


def record_fields() -> dict[str, str]:
    """Each field of a record, those of an error by their path, with the type of its index."""
    fields = {}
    for name, schema in SCHEMA["properties"].items():
        parts = schema["properties"] if name == "error" else {"": schema}
        for part, part_schema in parts.items():
            path = f"{name}.{part}" if part else name
            fields[path] = INDEX_TYPES.get(part_schema.get("type"), "text")
    return {path: kind for path, kind in fields.items() if path not in NOT_INDEXED}


def queries(resources: dict[str, Resource]) -> dict[str, str]:
    charts = {
        f"chart {chart['title']}": chart["search"]["query"]
        for chart in resources["Dashboard"].properties["Charts"]
    }
    alerts = {
        f"alert {resource.logical_id}": resource.properties["Detail"]["Configuration"]["QueryList"][0][
            "Query"
        ]
        for resource in resources.values()
        if resource.type == "ALIYUN::SLS::Alert"
    }
    return charts | alerts


def test_the_index_has_the_fields_of_an_outcome_record_with_their_types(
    resources: dict[str, Resource],
) -> None:
    keys = {key["Name"]: key for key in resources["LogIndex"].properties["KeyIndices"]}
    assert keys["message"]["Type"] == "json"
    indexed = {key["Name"]: key["Type"] for key in keys["message"]["JsonKeyIndices"]}
    assert indexed == record_fields()


def test_there_are_the_charts_and_alerts_that_the_guide_names(resources: dict[str, Resource]) -> None:
    assert set(queries(resources)) == {
        "chart Outcomes by result",
        "chart Staleness after a push in seconds",
        "chart Updates by image cache",
        "chart Failures by reason",
        "alert StalenessAlert",
        "alert FailedAlert",
        "alert CapAlert",
        "alert UnreadableAlert",
    }


def test_queries_use_only_indexed_fields_and_real_results(resources: dict[str, Resource]) -> None:
    for name, query in queries(resources).items():
        search, bar, statement = query.partition("|")
        assert bar, f"{name} has no analysis"
        used = {*IN_SEARCH.findall(search), *IN_SQL.findall(statement)}
        assert used, f"{name} uses no field: {query}"
        assert used <= set(record_fields()), name
        results = set(re.findall(r"message\.result:\s*(\w+)", search))
        assert results <= {result.value for result in Result}, name
        reasons = set(re.findall(r"message\.reason:\s*(\w+)", search))
        assert reasons <= {reason.value for reason in Reason}, name
        fates = set(re.findall(r"message\.fate:\s*(\w+)", search))
        assert fates <= set(SCHEMA["properties"]["fate"]["enum"]), name


def test_an_analysis_names_every_column_that_its_chart_shows(resources: dict[str, Resource]) -> None:
    for chart in resources["Dashboard"].properties["Charts"]:
        columns = set(re.findall(r"\bAS (\w+)", chart["search"]["query"]))
        display: dict[str, Any] = chart["display"]
        assert {*display["xAxis"], *display["yAxis"]} == columns - {"result"}, chart["title"]


def test_charts_do_not_overlap(resources: dict[str, Resource]) -> None:
    cells: set[tuple[int, int]] = set()
    for chart in resources["Dashboard"].properties["Charts"]:
        display = chart["display"]
        own = {
            (x, y)
            for x in range(display["xPos"], display["xPos"] + display["width"])
            for y in range(display["yPos"], display["yPos"] + display["height"])
        }
        assert not own & cells, chart["title"]
        cells |= own


def test_every_function_and_the_queue_have_an_alarm(resources: dict[str, Resource]) -> None:
    watched = {
        resource.properties["Resources"][0].get("functionName")
        for resource in resources.values()
        if resource.type == "ALIYUN::CMS::ResourceMetricRule"
    }
    functions = {
        resource.properties["FunctionName"]
        for resource in resources.values()
        if resource.type == "ALIYUN::FC3::Function"
    }
    assert functions <= watched
    assert resources["FailureQueueAlarm"].properties["Resources"] == [
        {"region": "cn-hangzhou", "queue": "imc-refresh-failures"}
    ]
