"""How the tables of a template's parameters, conditions and outputs are compared with it."""

import re

from changes import TEMPLATE


def expression(words):
    """`("Name", "x")` is true where the parameter is x, `("not", "Name", "x")` where it is not.

    `("either", "A", "B")` is true where one of two conditions is.
    """
    if words[0] == "either":
        return {"Fn::Or": [{"Condition": name} for name in words[1:]]}
    if words[0] == "not":
        return {"Fn::Not": [expression(words[1:])]}
    return {"Fn::Equals": [{"Ref": words[0]}, words[1]]}


def compare_parameters(table):
    """Each has a default, or None, and a bound as `write_bound` takes it."""
    assert set(TEMPLATE["Parameters"]) == set(table), set(TEMPLATE["Parameters"]) ^ set(table)
    for name, (default, bound) in table.items():
        found = dict(TEMPLATE["Parameters"][name])
        assert found.pop("Description", None), name
        found.pop("ConstraintDescription", None)
        kind = "Number" if isinstance(default, (int, float)) else "String"
        expected = {"Type": kind, **write_bound(bound), **({} if default is None else {"Default": default})}
        assert found == expected, (name, found)


def write_bound(bound):
    """A pattern, a list of values, the least number, or the least and the greatest."""
    if isinstance(bound, tuple):
        return {"MinValue": bound[0], "MaxValue": bound[1]}
    return {{str: "AllowedPattern", list: "AllowedValues", int: "MinValue"}[type(bound)]: bound}


def compare_conditions(table):
    expected = {name: expression(words) for name, words in table.items()}
    assert TEMPLATE["Conditions"] == expected, TEMPLATE["Conditions"]


def compare_outputs(table):
    """Each has a value, and a condition or None."""
    assert set(TEMPLATE["Outputs"]) == set(table), set(TEMPLATE["Outputs"]) ^ set(table)
    for name, (value, condition) in table.items():
        found = dict(TEMPLATE["Outputs"][name])
        assert found.pop("Description", None), name
        assert found == ({"Value": value, "Condition": condition} if condition else {"Value": value}), (name, found)


def strip_hash(name, kind):
    """SAM ends the names of versions and deployments with a hash of what they hold."""
    return re.sub(r"[0-9a-f]{10}$", "", name) if kind.endswith(("::Version", "::Deployment")) else name
