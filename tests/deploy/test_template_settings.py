"""The template's parameters that feed a setting have the default and the bounds of the table of settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagecache.config.setting_table import SETTINGS, Setting
from local.template.document import parse_template
from tests.support.for_each import for_each

ROOT = Path(__file__).parents[2]
TEMPLATE, PROBLEMS = parse_template(ROOT / "template.yml")
PARAMETERS = TEMPLATE["Parameters"]
OWN_DEFAULTS = {
    "SweepRegistrySeconds": "120",  # A sweep compares all caches, and its function has a longer timeout.
}
NO_PARAMETER = {
    "IMC_FC_ENDPOINT",  # The default is right in every region.
    "IMC_FOLLOW_FUNCTION",  # The follow function's name follows from the stack's prefix.
}


def parameters_in(node: Any) -> Iterator[str]:
    """The parameters that a value of the template is made from."""
    if isinstance(node, dict):
        if node.get("Ref") in PARAMETERS:
            yield node["Ref"]
        elif isinstance(node.get("Fn::Sub"), str):
            yield from re.findall(r"\$\{(\w+)\}", node["Fn::Sub"])
        else:
            yield from parameters_in(list(node.values()))
    elif isinstance(node, list):
        for item in node:
            yield from parameters_in(item)


def feeding(setting: Setting[Any]) -> set[str]:
    """The parameters that feed a setting, of all functions."""
    return {
        parameter
        for resource in TEMPLATE["Resources"].values()
        if resource["Type"] == "ALIYUN::FC3::Function"
        for parameter in parameters_in(resource["Properties"]["EnvironmentVariables"].get(setting.name))
    }


FED = [
    pytest.param(setting, parameter, id=f"{setting.name}-{parameter}")
    for setting in SETTINGS
    if setting.name not in NO_PARAMETER
    for parameter in sorted(feeding(setting))
]


def test_every_setting_but_those_with_a_reason_is_fed_by_a_parameter() -> None:
    assert PROBLEMS == []
    fed = {setting.name for setting, _ in (case.values for case in FED)}
    assert fed == {setting.name for setting in SETTINGS} - NO_PARAMETER


@for_each(("setting", "parameter"), FED)
def test_a_parameter_has_the_default_of_its_setting(setting: Setting[Any], parameter: str) -> None:
    default = str(PARAMETERS[parameter]["Default"])
    assert default == OWN_DEFAULTS.get(parameter, setting.default)
    assert setting.form.read(default) is not None


@for_each(("setting", "parameter"), FED)
def test_a_parameter_has_the_bounds_and_the_words_of_its_setting(
    setting: Setting[Any], parameter: str
) -> None:
    declaration, bounds = PARAMETERS[parameter], setting.form.bounds
    ends = (bounds[0], bounds[-1]) if bounds else (None, None)
    assert (declaration.get("MinValue"), declaration.get("MaxValue")) == ends
    assert tuple(declaration.get("AllowedValues", ())) == setting.form.words
    assert declaration["Type"] == ("Number" if bounds else "String")
