"""The ROS template language: parameters and functions, and errors that say where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local.template.document import Resource, TemplateError, load_template, parameter_names

HEAD = "ROSTemplateFormatVersion: '2015-09-01'\n"


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def loaded(text: str, **parameters: str) -> list[Resource]:
        path = tmp_path / "template.yml"
        path.write_text(HEAD + text, encoding="utf-8")
        return load_template(path, parameters, region="cn-hangzhou", account_id="1234")

    return loaded


PARAMETERS = """
Parameters:
  Prefix: {Type: String, Default: imc}
  Size: {Type: Number, Default: 5}
  Enabled: {Type: Boolean, Default: false}
  Names: {Type: CommaDelimitedList, Default: 'a,b'}
  Selector: {Type: Json, Default: '{"k": [1]}'}
"""


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        pytest.param("!Ref Prefix", "imc", id="short-ref"),
        pytest.param("{Ref: Prefix}", "imc", id="long-ref"),
        pytest.param("!Ref Size", 5, id="number"),
        pytest.param("!Ref Enabled", False, id="boolean"),
        pytest.param("!Ref Names", ["a", "b"], id="list"),
        pytest.param("!Ref Selector", {"k": [1]}, id="json"),
        pytest.param("!Ref ALIYUN::Region", "cn-hangzhou", id="region"),
        pytest.param("!Ref ALIYUN::TenantId", "1234", id="account"),
        pytest.param("!Ref Other", "local:Other", id="resource"),
        pytest.param("!GetAtt Other.Name", "imc-other", id="getatt-of-a-property"),
        pytest.param("{'Fn::GetAtt': [Other, Arn]}", "local:Other.Arn", id="getatt-of-the-cloud"),
        pytest.param("!Sub '${Prefix}-${Size}-${Other.Name}'", "imc-5-imc-other", id="sub"),
        pytest.param("!Sub ['${x}-${Prefix}', {x: !Ref Size}]", "5-imc", id="sub-with-own-values"),
        pytest.param("!Sub '${!Prefix}'", "${Prefix}", id="sub-literal"),
        pytest.param("!Join ['-', [a, !Ref Prefix, !Ref Size]]", "a-imc-5", id="join"),
        pytest.param("{'Fn::Split': [',', 'a,b']}", ["a", "b"], id="split"),
        pytest.param("{'Fn::Split': [',', !Ref Prefix]}", ["imc"], id="split-of-one"),
        pytest.param("{'Fn::Replace': [{i: !Ref Size, c: ''}, !Ref Prefix]}", "5m", id="replace"),
        pytest.param("[a, !Ref ALIYUN::NoValue]", ["a"], id="no-value-in-a-list"),
        pytest.param("{a: 1, b: !Ref ALIYUN::NoValue}", {"a": 1}, id="no-value-in-a-mapping"),
    ],
)
def test_a_value_is_resolved(load: Any, written: str, resolved: Any) -> None:
    body = (
        f"Resources:\n  One:\n    Type: X::Y::Z\n    Properties:\n      Value: {written}\n"
        "  Other:\n    Type: X::Y::Z\n    Properties: {Name: !Sub '${Prefix}-other'}\n"
    )
    one, _ = load(PARAMETERS + body)
    assert one.properties == {"Value": resolved}


def test_a_given_parameter_replaces_the_default(load: Any) -> None:
    (one,) = load(
        PARAMETERS + "Resources: {One: {Type: X, Properties: {A: !Ref Size, B: !Ref Enabled}}}",
        Size="7",
        Enabled="true",
    )
    assert one.properties == {"A": 7, "B": True}


@pytest.mark.parametrize(
    ("text", "parameters", "message"),
    [
        pytest.param(
            "Resources: {A: {Type: X, Properties: {P: [0, !Ref Nothing]}}}",
            {},
            "Resources.A.Properties.P[1].Ref: there is no parameter or resource 'Nothing'",
            id="unknown-ref",
        ),
        pytest.param(
            "Resources: {A: {Type: X, Properties: {P: !GetAtt Nothing.Arn}}}",
            {},
            "Resources.A.Properties.P.Fn::GetAtt: there is no resource 'Nothing'",
            id="unknown-getatt",
        ),
        pytest.param(
            "Resources: {A: {Type: X, Properties: {P: !GetAtt B.P}}, "
            "B: {Type: X, Properties: {P: !GetAtt A.P}}}",
            {},
            "refers to itself",
            id="circle",
        ),
        pytest.param(
            "Resources: {A: {Type: X, Properties: {P: !Select [0, [a]]}}}",
            {},
            "Resources.A.Properties.P.Fn::Select: a function that is not supported here",
            id="unknown-function",
        ),
        pytest.param(
            "Resources: {A: {Type: X, Properties: {P: !Join [a]}}}",
            {},
            "Resources.A.Properties.P.Fn::Join: two items are expected",
            id="join-of-one",
        ),
        pytest.param(
            "Resources: {A: {Type: X, Properties: {P: !Replace [a, b]}}}",
            {},
            "Resources.A.Properties.P.Fn::Replace: a mapping is expected, str found",
            id="replace-without-a-mapping",
        ),
        pytest.param("Resources: {A: {Properties: {}}}", {}, "Resources.A.Type: a text", id="no-type"),
        pytest.param(
            "Resources: []", {}, "Resources: a mapping is expected, list found", id="resources-list"
        ),
        pytest.param("Outputs: {}", {}, "Resources: a mapping is expected", id="no-resources"),
        pytest.param("Transform: x\nResources: {}", {}, "Transform: a section", id="unknown-section"),
        pytest.param("Resources: {}", {"X": "1"}, "Parameters.X: no such parameter", id="unknown-parameter"),
        pytest.param(
            "Parameters: {X: {Type: String}}\nResources: {}",
            {},
            "Parameters.X: has no default",
            id="missing-parameter",
        ),
        pytest.param(
            "Parameters: {X: {Type: String, AllowedValues: [a, b]}}\nResources: {}",
            {"X": "c"},
            "Parameters.X: 'c' is not one of a, b",
            id="not-allowed",
        ),
        pytest.param(
            "Parameters: {X: {Type: String, AllowedPattern: '^a+$'}}\nResources: {}",
            {"X": "b"},
            "Parameters.X: 'b' does not match",
            id="pattern",
        ),
        pytest.param(
            "Parameters: {X: {Type: Number}}\nResources: {}",
            {"X": "many"},
            "Parameters.X: 'many' is no Number",
            id="no-number",
        ),
        pytest.param(
            "Parameters: {X: {Type: Boolean}}\nResources: {}",
            {"X": "yes"},
            "Parameters.X: 'yes' is no Boolean",
            id="no-boolean",
        ),
        pytest.param(
            "Parameters: {X: {Type: Date}}\nResources: {}",
            {"X": "1"},
            "Parameters.X: the type 'Date' is not one of",
            id="unknown-type",
        ),
        pytest.param("Resources: {A: {Type: X}, A: {Type: Y}}", {}, "'A' occurs twice", id="key-twice"),
        pytest.param("Resources: [", {}, "template.yml: ", id="no-yaml"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    load: Any, text: str, parameters: dict[str, str], message: str
) -> None:
    with pytest.raises(TemplateError) as raised:
        load(text, **parameters)
    assert message in str(raised.value)


def test_a_secret_parameter_is_not_in_the_error(load: Any) -> None:
    with pytest.raises(TemplateError) as raised:
        load(
            "Parameters: {Token: {Type: String, NoEcho: true, AllowedPattern: '^[a-z]+$'}}\nResources: {}",
            Token="S3CRET",
        )
    assert "Token" in str(raised.value)
    assert "S3CRET" not in str(raised.value)


def test_another_format_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "template.yml"
    path.write_text("ROSTemplateFormatVersion: '2010-01-01'\nResources: {}", encoding="utf-8")
    with pytest.raises(TemplateError, match="2015-09-01 is expected, '2010-01-01' found"):
        load_template(path, {}, region="r", account_id="a")


def test_the_parameters_of_a_template_are_known_by_name(tmp_path: Path) -> None:
    path = tmp_path / "template.yml"
    path.write_text(HEAD + PARAMETERS, encoding="utf-8")
    assert parameter_names(path) == {"Prefix", "Size", "Enabled", "Names", "Selector"}
