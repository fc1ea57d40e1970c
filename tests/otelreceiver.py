"""A receiver of OTLP/HTTP that is as strict as the protocol: what it gets is read with OpenTelemetry's own definitions, or refused."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_IDS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}


def decoded(body: bytes) -> ExportTraceServiceRequest:
    """A request in JSON. Ids are hexadecimal there, unlike in other JSON of protobuf; whatever is not known is an error."""
    return ParseDict(_with_ids(json.loads(body)), ExportTraceServiceRequest(), ignore_unknown_fields=False)


def decoded_metrics(body: bytes) -> ExportMetricsServiceRequest:
    """As `decoded`, of metrics."""
    return ParseDict(json.loads(body), ExportMetricsServiceRequest(), ignore_unknown_fields=False)


def metrics_of(request: ExportMetricsServiceRequest) -> dict[str, Metric]:
    """By their names."""
    found = [metric for resource in request.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics]
    assert len(found) == len({metric.name for metric in found})
    return {metric.name: metric for metric in found}


def _with_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_ids(part) for part in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, inner in value.items():
        if name in _IDS:
            assert re.fullmatch(f"[0-9a-f]{{{_IDS[name]}}}", inner), inner
            made[name] = b64encode(bytes.fromhex(inner)).decode()
        else:
            made[name] = _with_ids(inner)
    return made


def spans_of(request: ExportTraceServiceRequest) -> list[Span]:
    return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def attributes(span: Any) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in span.attributes}


def _plain(value: AnyValue) -> Any:
    found = getattr(value, value.WhichOneof("value"))
    return [_plain(part) for part in found.values] if isinstance(value.WhichOneof("value"), str) and hasattr(found, "values") else found


class Receiver:
    """What it was sent; `answers` are the statuses of the next requests, 200 when there are none left."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.measured: list[ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.hold = threading.Event()
        self.hold.set()
        """Cleared, nobody gets an answer."""
        self.url = ""

    @property
    def spans(self) -> list[Span]:
        return [span for request in self.requests for span in spans_of(request)]

    @property
    def resource(self) -> dict[str, Any]:
        return attributes(self.requests[-1].resource_spans[0].resource)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer one request."""
        self.headers.append(headers)
        self.bodies.append(body)
        self.hold.wait(30)
        if self.answers:
            return self.answers.pop(0)
        if path not in ("/v1/traces", "/v1/metrics") or headers.get("content-type") != "application/json":
            return 404, {}, b""
        try:
            if path == "/v1/metrics":
                self.measured.append(decoded_metrics(body))
            else:
                self.requests.append(decoded(body))
        except Exception as error:
            return 400, {}, repr(error).encode()
        return 200, {"content-type": "application/json"}, b'{"partialSuccess":{}}'


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One that listens while the block runs."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers, told = made.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(told))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
