"""A template as it is written, and what SAM makes of it."""

import json
import logging
import os
import re
from pathlib import Path

from changes import RESOURCES, STACK, TEMPLATE, append, as_it_is, check, put, remove, run_checks  # noqa: F401 - passed on
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

logging.disable(logging.WARNING)
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the transformation asks for some region

ROOT = Path(__file__).resolve().parents[2]
# Each function's time in seconds, which is that of its routes too.
FUNCTIONS = {
    "Chat": 900, "Embed": 300, "Rerank": 70, "PassThrough": 900, "Health": 15, "Authorizer": 5, "RotateKey": 60, "Probe": 60,
    "Driver": 900, "PreTraffic": 300, "PostTraffic": 900,
}
# CodeDeploy invokes them by name, so that they have neither alias nor versions.
HOOKS = {"PreTraffic", "PostTraffic"}
# The gates of each function that new versions of come to the callers gradually.
WATCHED = ["Crashes", "DrivenCrashes", "Mismatch", "Silent"]
OF_REQUESTS = ["Errors", "Latency", "GatewayTime", "RateLimited", *WATCHED]
GATED = {
    "Chat": OF_REQUESTS,
    "Embed": OF_REQUESTS,
    "Rerank": OF_REQUESTS,
    "PassThrough": OF_REQUESTS,
    "Health": WATCHED,
    "Authorizer": ["Denials", "Failures", *WATCHED],
}
# Paths that a web page may call.
PAGES = ["/v2/chat", "/v2/embed", "/v2/rerank", "/v1/embed", "/v1/rerank", "/v1/{proxy+}", "/compatibility/{proxy+}"]
# What the function behind `{proxy+}` serves; it says of every other path why it is not served.
PASSED_THROUGH = {
    *((path, "post") for path in ("/v1/chat", "/v1/tokenize", "/v1/detokenize", "/v1/check-api-key")),
    *((f"/compatibility/v1/{path}", "post") for path in ("chat/completions", "embeddings")),
    *((path, "get") for path in ("/v1/models", "/v1/models/{model}", "/compatibility/v1/models")),
}
# The function that serves each route.
ROUTES = {
    ("/v2/chat", "post"): "Chat",
    ("/v2/embed", "post"): "Embed",
    ("/v2/rerank", "post"): "Rerank",
    ("/v1/embed", "post"): "Embed",
    ("/v1/rerank", "post"): "Rerank",
    **{(path, method): "PassThrough" for path in ("/v1/{proxy+}", "/compatibility/{proxy+}") for method in ("get", "post")},
    ("/api/health", "get"): "Health",
    ("/api/health/check", "get"): "Health",
    **{(path, "options"): "Health" for path in PAGES},
}


class NoManagedPolicies(ManagedPolicyLoader):
    """The template names no managed policy, so nothing needs to be looked up."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


def transform_template(template, parameters=None):
    template = json.loads(json.dumps(template))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/package"  # as `sam package` leaves it
    return json.loads(json.dumps(transform(template, parameters or {}, NoManagedPolicies())))


def folder(name):
    """The folder of a function, which is its metric dimension too: `pass-through` of `PassThrough`."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "-", name).lower()


def read_template(name):
    return json.loads(json.dumps(yaml_parse((ROOT / name).read_text())))


def of_type(kind):
    return {name: r for name, r in RESOURCES.items() if r["Type"] == kind}


def own_or_existing(secret):
    """The stack's own secret, or the one that a parameter names."""
    return {"Fn::If": [f"Makes{secret}Secret", {"Ref": f"{secret}Secret"}, {"Ref": f"Existing{secret}SecretArn"}]}


def topic(severity):
    """The stack's own topic for alerts of a severity, or the one that a parameter names."""
    return {"Fn::If": [f"Makes{severity}Topic", {"Ref": f"{severity}Topic"}, {"Ref": f"Existing{severity}TopicArn"}]}


def without_value(condition, value):
    """The value where the condition holds, and nothing otherwise."""
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


def the_stage():
    """The name and the properties of the only stage."""
    ((name, stage),) = of_type("AWS::ApiGateway::Stage").items()
    return name, stage["Properties"]


def operations():
    body = RESOURCES["Api"]["Properties"]["Body"]
    return {(path, method): op for path, methods in body["paths"].items() for method, op in methods.items()}
