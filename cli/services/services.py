"""The services that are asked: the package of each one's SDK, its address, and the prefix of its rights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Service(NamedTuple):
    """One service.

    Attributes:
        package: of its SDK.
        title: for people.
        right: what the names of its rights begin with.
        endpoint: where it is, with ``{region}`` and ``{account}``; empty where its SDK knows.
        renamed: rights that have another name than the action.
    """

    package: str
    title: str
    right: str
    endpoint: str = ""
    renamed: Mapping[str, str] = {}


SERVICES: Mapping[str, Service] = {
    "sts": Service("alibabacloud_sts20150401", "STS", "sts"),
    "ros": Service("alibabacloud_ros20190910", "Resource Orchestration Service", "ros"),
    "fc": Service("alibabacloud_fc20230330", "Function Compute", "fc", "{account}.{region}.fc.aliyuncs.com"),
    "ram": Service("alibabacloud_ram20150501", "RAM", "ram", "ram.aliyuncs.com"),
    "eci": Service("alibabacloud_eci20180808", "ECI", "eci", "eci.{region}.aliyuncs.com"),
    "sls": Service(
        "alibabacloud_sls20201230",
        "Simple Log Service",
        "log",
        "{region}.log.aliyuncs.com",
        {"GetLogs": "GetLogStoreLogs"},
    ),
    "eventbridge": Service("alibabacloud_eventbridge20200401", "EventBridge", "eventbridge"),
    "mns": Service("alibabacloud_mns_open20220119", "Simple Message Queue", "mns"),
    "cms": Service("alibabacloud_cms20190101", "CloudMonitor", "cms"),
    "cr": Service("alibabacloud_cr20181201", "Container Registry", "cr"),
}


def right_of(service: str, action: str) -> str:
    """The name of the right that an action needs."""
    entry = SERVICES[service]
    return f"{entry.right}:{entry.renamed.get(action, action)}"
