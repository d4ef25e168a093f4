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
    # What a probe found: found by its event_id.
    "probe",
}
INDEX_TYPES = {"integer": "long", "number": "double"}
SEARCHED = re.compile(r"([A-Za-z_][\w.]*)\s*[:><=]")
QUOTED = re.compile(r'"([^"]+)"')
PLAIN = re.compile(r"\b([A-Za-z_]\w*)\b(?!\s*\()")
KEYWORDS = {
    *("select", "distinct", "as", "from", "where", "group", "by", "having", "order", "limit"),
    *("desc", "asc", "and", "or", "not"),
}
OWN_KEYS = {"__time__"}
"""What every entry has without an index (the log service's page "Reserved fields")."""


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
    """Each field of a record that can be indexed, those of an error by their path, with its index's type."""
    fields = {}
    for name, schema in SCHEMA["properties"].items():
        parts = schema["properties"] if name == "error" else {"": schema}
        for part, part_schema in parts.items():
            path = f"{name}.{part}" if part else name
            if part_schema.get("type") != "array":
                fields[path] = INDEX_TYPES.get(part_schema.get("type"), "text")
    return {path: kind for path, kind in fields.items() if path not in NOT_INDEXED}


def indexed_keys(index: Resource) -> dict[str, str]:
    """The keys of an index as queries write them, with their types."""
    keys = {}
    for key in index.properties["KeyIndices"]:
        if key["Type"] == "json":
            keys |= {f"{key['Name']}.{inner['Name']}": inner["Type"] for inner in key["JsonKeyIndices"]}
        else:
            keys[key["Name"]] = key["Type"]
    return keys


def used_keys(query: str) -> set[str]:
    """The keys that a query reads: those it searches by, and those of its analysis."""
    search, bar, statement = query.partition("|")
    assert bar, f"there is no analysis: {query}"
    statement = re.sub(r"'[^']*'", "", statement)
    aliases = set(re.findall(r"\bAS (\w+)", statement))
    plain = set(PLAIN.findall(QUOTED.sub("", statement)))
    plain = {name for name in plain if name.lower() not in KEYWORDS}
    return {*SEARCHED.findall(search), *QUOTED.findall(statement), *(plain - aliases)}


def alert_queries(alert: Resource) -> list[str]:
    return [one["Query"] for one in alert.properties["Detail"]["Configuration"]["QueryList"]]


def alerts(resources: dict[str, Resource]) -> dict[str, Resource]:
    return {name: one for name, one in resources.items() if one.type == "ALIYUN::SLS::Alert"}


def queries(resources: dict[str, Resource]) -> dict[str, str]:
    charts = {
        f"chart {chart['title']}": chart["search"]["query"]
        for chart in resources["Dashboard"].properties["Charts"]
    }
    return charts | {
        f"alert {name}" + (f" {number}" if number else ""): query
        for name, alert in alerts(resources).items()
        for number, query in enumerate(alert_queries(alert))
    }


def test_the_index_has_the_fields_of_an_outcome_record_with_their_types(
    resources: dict[str, Resource],
) -> None:
    keys = indexed_keys(resources["LogIndex"])
    of_records = {name.removeprefix("message."): kind for name, kind in keys.items() if "." in name}
    assert of_records == record_fields()


def test_every_list_of_a_record_has_a_text_beside_it_and_nothing_in_a_list_is_indexed(
    resources: dict[str, Resource],
) -> None:
    lists = {name for name, schema in SCHEMA["properties"].items() if schema.get("type") == "array"}
    assert lists == {"images_before", "images_after", "truncated"}
    keys = set(indexed_keys(resources["LogIndex"]))
    assert {f"message.{name}_text" for name in lists} <= keys
    assert not {key for key in keys for name in lists if key.split(".")[1:2] == [name]}


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
        "alert RejectedAlert",
        "alert FailingCacheAlert",
        "alert FunctionErrorsAlert",
        "alert FailingEventsAlert",
        "alert QuietSourceAlert",
        "alert QuietSourceAlert 1",
    }


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        pytest.param("a.b: x and c > 1 | SELECT 1", {"a.b", "c"}, id="search"),
        pytest.param(
            """a: * | SELECT "m.x" AS y, max(z) AS w, 'text' WHERE __time__ > now() - 3 * 60 GROUP BY y""",
            {"a", "m.x", "z", "__time__"},
            id="analysis",
        ),
    ],
)
def test_the_keys_of_a_query_are_found(query: str, keys: set[str]) -> None:
    assert used_keys(query) == keys


def test_queries_use_only_indexed_keys_and_real_results(resources: dict[str, Resource]) -> None:
    keys = {*indexed_keys(resources["LogIndex"]), *OWN_KEYS}
    for name, query in queries(resources).items():
        assert used_keys(query), f"{name} uses no field: {query}"
        assert used_keys(query) <= keys, name
        search = query.partition("|")[0]
        for field, known in (
            ("result", {result.value for result in Result}),
            ("reason", {reason.value for reason in Reason}),
            ("fate", set(SCHEMA["properties"]["fate"]["enum"])),
            ("door", set(SCHEMA["properties"]["door"]["enum"])),
        ):
            assert set(re.findall(rf"message\.{field}:\s*(\w+)", search)) <= known, name


def test_a_query_by_a_list_or_by_what_is_not_indexed_is_found(resources: dict[str, Resource]) -> None:
    keys = {*indexed_keys(resources["LogIndex"]), *OWN_KEYS}
    for query in (
        "message.images_after: web | SELECT count(*) AS n",
        '* | SELECT "message.request.Image" AS image',
        "message.result: failed | SELECT functionNmae",
    ):
        assert not used_keys(query) <= keys, query


def test_an_alert_is_raised_by_a_column_of_its_own_queries(resources: dict[str, Resource]) -> None:
    for name, alert in alerts(resources).items():
        configuration = alert.properties["Detail"]["Configuration"]
        (severity,) = configuration["SeverityConfigurations"]
        column = severity["EvalCondition"]["Condition"].split()[0].removeprefix("$0.")
        # Its page "Specify evaluate expressions": a name may have letters and digits.
        assert column.isalnum(), name
        query = alert_queries(alert)[0]
        columns = {*re.findall(r"\bAS (\w+)", query), *used_keys(query)}
        assert column in columns, name
        assert set(configuration["GroupConfiguration"]["Fields"]) <= columns, name


def test_an_event_is_reported_by_its_tries_before_it_is_given_up_or_when_it_is(
    resources: dict[str, Resource],
) -> None:
    (query,) = alert_queries(resources["FailingEventsAlert"])
    (tries,) = map(int, re.findall(r"HAVING count\(\*\) >= (\d+)", query))
    retries = {
        one.logical_id: one.properties["MaxAsyncRetryAttempts"]
        for one in resources.values()
        if one.type == "ALIYUN::FC3::AsyncInvokeConfig"
    }
    assert len(retries) == 4
    assert tries == 1 + min(retries.values())


def seconds(text: str) -> int:
    """How long ago a relative time is."""
    if text == "now":
        return 0
    match = re.fullmatch(r"-(\d+)([smh])", text)
    assert match is not None, text
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


def test_an_alert_keeps_to_what_the_log_service_can_evaluate(resources: dict[str, Resource]) -> None:
    """Its page "Alerting": three queries, each of at most 24 hours, and a condition of 128 characters."""
    for name, alert in alerts(resources).items():
        configuration = alert.properties["Detail"]["Configuration"]
        listed = configuration["QueryList"]
        assert len(listed) <= 3, name
        assert len(configuration["JoinConfigurations"]) == len(listed) - 1, name
        for one in listed:
            assert 0 < seconds(one["Start"]) - seconds(one["End"]) <= 24 * 3600, name
        for one in configuration["SeverityConfigurations"]:
            assert len(one["EvalCondition"]["Condition"]) <= 128, name


def test_a_quiet_source_is_looked_for_only_if_that_is_asked_for() -> None:
    parameters = {
        "CodeBucket": "some-bucket",
        "CodeObject": "package.zip",
        "AlarmActionPolicy": "some.policy",
    }
    found = {}
    for hours in ("0", "6"):
        given = {**parameters, "QuietSourceHours": hours}
        loaded = load_template(ROOT / "template.yml", given, region="cn-hangzhou", account_id="1")
        found[hours] = [alert_queries(one) for one in loaded if one.logical_id == "QuietSourceAlert"]
    assert found["0"] == []
    ((before, lately),) = found["6"]
    assert "- (168 + 6) * 3600" in before
    assert "- 6 * 3600" in lately


def test_an_analysis_names_every_column_that_its_chart_shows(resources: dict[str, Resource]) -> None:
    for chart in resources["Dashboard"].properties["Charts"]:
        columns = set(re.findall(r"\bAS (\w+)", chart["search"]["query"]))
        display: dict[str, Any] = chart["display"]
        assert {*display["xAxis"], *display["yAxis"]} == columns - {"result"}, chart["title"]


def test_what_is_tried_again_counts_once_and_so_does_an_update_for_many_pushes(
    resources: dict[str, Resource],
) -> None:
    """Each attempt of an invocation writes its records, and each push that an update serves has its own."""
    found = queries(resources)
    for name in ("chart Outcomes by result", "chart Failures by reason", "alert FailedAlert"):
        counted = re.search(r"count\(DISTINCT (concat\(.*\))\) AS (outcomes|failures)", found[name])
        assert counted is not None, name
        identity = ("request_id", "change_id", "image_cache_id")
        assert {f"message.{key}" for key in identity} <= set(QUOTED.findall(counted[1])), name
    assert 'count(DISTINCT "message.client_token") AS updates' in found["chart Updates by image cache"]


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
