"""The dashboard, as CloudFormation hands it to CloudWatch: imported by check.py, which runs this check.

What its widgets show is tested where the lines are made, and which alarms exist (tests/integration/dashboard.rs).
"""

import json
import re

from stack import RESOURCES, check, put

# CloudFormation's own limit for the text of a template is a megabyte; a person must still find a widget in it.
MAX_BODY_CHARACTERS = 32_000
BODY = "Resources.Dashboard.Properties.DashboardBody"


def fill(match):
    """A list of alarms stands where the name of one ends in Alarms, with its comma; all else stands in a text or a number."""
    return "" if match[1].endswith("Alarms") else "1"


@check(
    put(f"{BODY}.Fn::Sub.0", "{"),
    put(f"{BODY}.Fn::Sub.0", '{"widgets": []}'),
    put(f"{BODY}.Fn::Sub.1.ProbeAlarms.Fn::If.2", "none"),
    put("Resources.Dashboard.Properties.DashboardName", "gateway"),
)
def the_dashboard_is_a_text_of_json():
    dashboard = RESOURCES["Dashboard"]
    assert set(dashboard) == {"Type", "Properties"}, dashboard
    properties = dashboard["Properties"]
    # Unique in the account, and within what the roles that deploy may name.
    assert properties["DashboardName"] == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}, properties["DashboardName"]
    text, lists = properties["DashboardBody"]["Fn::Sub"]
    body = json.loads(re.sub(r"\$\{([^}!]+)\}", fill, text))
    assert len(body["widgets"]) > 20, len(body["widgets"])
    assert len(text) < MAX_BODY_CHARACTERS, len(text)
    for name, chosen in lists.items():
        assert chosen["Fn::If"][2] == "" and f"${{{name}}}" in text, name
