"""The usual handler in Python: Cohere's SDK, a key from Secrets Manager, errors passed on."""

import base64
import json
import os

import boto3
from cohere import ClientV2
from cohere.core.api_error import ApiError

key = boto3.client("secretsmanager").get_secret_value(SecretId=os.environ["GATEWAY_SECRET_ID"])["SecretString"]
client = ClientV2(api_key=key, base_url=os.environ["GATEWAY_UPSTREAM_URL"], timeout=25)
CALLS = {"/v2/chat": client.chat, "/v2/embed": client.embed, "/v2/rerank": client.rerank}


def handler(event, _context):
    call = CALLS.get(event["path"])
    if call is None:
        return respond(404, json.dumps({"message": "not found"}))
    body = event["body"] or "{}"
    if event["isBase64Encoded"]:
        body = base64.b64decode(body)
    try:
        return respond(200, call(**json.loads(body)).json())
    except ApiError as error:
        return respond(error.status_code or 502, json.dumps(error.body))
    except (TypeError, ValueError) as error:
        return respond(400, json.dumps({"message": str(error)}))


def respond(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": body}
