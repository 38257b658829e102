"""Lambda's Runtime API, Secrets Manager and Cohere in one small server on loopback: the other side of a count."""

import base64
import http.server
import json
import threading

DIMENSIONS = 1536
MODELS = {"chat": "command-a-03-2025", "embed": "embed-v4.0", "rerank": "rerank-v3.5"}
EVENTS = 20  # of a stream's content


def compact(value):
    """Writes JSON as Cohere does: an answer with spaces is not kept in the cache."""
    return json.dumps(value, separators=(",", ":"))


class StandIn(http.server.ThreadingHTTPServer):
    """Hands out `count` requests one after the other; `done` is set when the last is answered."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, write_body, count):
        super().__init__(("127.0.0.1", 0), Handler)
        self.write_body, self.count = write_body, count
        self.sent, self.failures = 0, []
        self.lock, self.done = threading.Lock(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take_next(self):
        with self.lock:
            if self.sent == self.count:
                self.done.set()
                return None
            self.sent += 1
            return self.sent


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def do_GET(self):
        number = self.server.take_next()
        if number is None:
            # The function waits for a request that never comes, as it does when Lambda freezes it.
            threading.Event().wait(60)
            return
        endpoint, body = self.server.write_body(number)
        event = write_event(endpoint, body)
        self.answer(event, {"Lambda-Runtime-Aws-Request-Id": f"00000000-0000-4000-8000-{number:012}",
                            "Lambda-Runtime-Deadline-Ms": "4102444800000",
                            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:counted"})

    def do_POST(self):
        body = self.read_body()
        if self.path.startswith("/2018-06-01/"):
            if b'"statusCode":200' not in body[:2000]:
                self.server.failures.append(body[:300])
            return self.answer(b'{"status":"OK"}', status=202)
        if self.path == "/":
            return self.answer(compact({
                "ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:key", "Name": "key", "CreatedDate": 1.7e9,
                "SecretString": "not-a-key-of-anyone", "VersionId": "00000000-0000-4000-8000-000000000000",
                "VersionStages": ["AWSCURRENT"]}).encode(), kind="application/x-amz-json-1.1")
        request = json.loads(body)
        if request.get("stream"):
            return self.answer(STREAM, kind="text/event-stream")
        self.answer(write_answer(self.path, request))

    def read_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def answer(self, body, headers=None, status=200, kind="application/json"):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def write_event(endpoint, body):
    path, identity = f"/v2/{endpoint}", {"sourceIp": "127.0.0.1", "userAgent": "count"}
    headers = {"Content-Type": "application/json", "Authorization": "Bearer cgw_not_a_token_of_anyone"}
    return compact({
        "resource": path, "path": path, "httpMethod": "POST", "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None, "multiValueQueryStringParameters": None, "pathParameters": None, "stageVariables": None,
        "requestContext": {
            "accountId": "000000000000", "apiId": "local", "authorizer": {"client": "count", "principalId": "count"},
            "httpMethod": "POST", "identity": identity, "path": path, "protocol": "HTTP/1.1", "resourcePath": path,
            "requestId": "00000000-0000-4000-8000-000000000000", "stage": "v1", "resourceId": "count"},
        "body": base64.b64encode(compact(body).encode()).decode(), "isBase64Encoded": True}).encode()


def write_answer(path, request):
    if path.endswith("/chat"):
        return CHAT
    if path.endswith("/rerank"):
        results = [{"index": index, "relevance_score": 0.5} for index in range(len(request["documents"]))]
        return compact({"id": "r", "results": results, "meta": {"billed_units": {"search_units": 10}}}).encode()
    vector = "[" + ",".join(["0.01234567"] * DIMENSIONS) + "]"
    texts = request["texts"]
    return ('{"id":"e","embeddings":{"float":[' + ",".join([vector] * len(texts)) + ']},"texts":' + compact(texts)
            + ',"meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":%d}},' % len(texts)
            + '"response_type":"embeddings_by_type"}').encode()


USAGE = {"billed_units": {"input_tokens": 5, "output_tokens": 20}, "tokens": {"input_tokens": 71, "output_tokens": 20}}
CHAT = compact({"id": "c", "finish_reason": "COMPLETE", "usage": USAGE, "message": {
    "role": "assistant", "content": [{"type": "text", "text": "A word and another. " * 20}]}}).encode()


def write_stream():
    events = [{"id": "c", "type": "message-start", "delta": {"message": {"role": "assistant", "content": []}}},
              {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}}]
    events += [{"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": " word"}}}}] * EVENTS
    events += [{"type": "content-end", "index": 0},
               {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": USAGE}}]
    return "".join(f"event: {event['type']}\ndata: {compact(event)}\n\n" for event in events).encode()


STREAM = write_stream()
