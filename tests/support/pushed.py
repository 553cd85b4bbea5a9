"""Receivers of pushed metrics, over HTTP and gRPC, that read with OpenTelemetry's own messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import accumulate

import grpc
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as service_grpc
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality as Temporality
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric, NumberDataPoint
from prometheus_client.utils import floatToGoString

from tests.support.scrape import Samples

Request = service.ExportMetricsServiceRequest
Response = service.ExportMetricsServiceResponse
REJECTS = Response(
    partial_success=service.ExportMetricsPartialSuccess(
        rejected_data_points=3, error_message="three are too old"
    )
)


@dataclass
class Received:
    """All requests so far, and what is answered: over HTTP a status, a body and headers."""

    status: int = 200
    answer: Response = field(default_factory=Response)
    page: bytes | None = None  # instead of the answer
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    carried: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def metrics(self) -> list[Metric]:
        return [
            metric
            for request in self.requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]

    def samples(self) -> Samples:
        """Each series as a scrape would name it."""
        found: Samples = {}
        for metric in self.metrics:
            for name, labels, value in _samples(metric):
                key = (name, frozenset(labels.items()))
                assert key not in found
                found[key] = value
        return found

    def points(self, name: str) -> list[NumberDataPoint | HistogramDataPoint]:
        """All points of a metric."""
        return [
            point
            for metric in self.metrics
            if metric.name == name
            for point in getattr(metric, str(metric.WhichOneof("data"))).data_points
        ]


def _samples(metric: Metric) -> Iterator[tuple[str, dict[str, str], float]]:
    kind = metric.WhichOneof("data")
    if kind == "histogram":
        assert metric.histogram.aggregation_temporality == Temporality.Value(CUMULATIVE)
        for point in metric.histogram.data_points:
            yield from _buckets(metric.name, point)
        return
    if kind == "sum":
        assert metric.sum.is_monotonic
        assert metric.sum.aggregation_temporality == Temporality.Value(CUMULATIVE)
    for number in (metric.sum if kind == "sum" else metric.gauge).data_points:
        yield metric.name, _labels(number), number.as_double


CUMULATIVE = "AGGREGATION_TEMPORALITY_CUMULATIVE"


def _buckets(name: str, point: HistogramDataPoint) -> Iterator[tuple[str, dict[str, str], float]]:
    labels = _labels(point)
    bounds = [*point.explicit_bounds, float("inf")]
    for bound, count in zip(bounds, accumulate(point.bucket_counts), strict=True):
        le = floatToGoString(bound)  # type: ignore[no-untyped-call]  # theirs has no types
        yield f"{name}_bucket", {**labels, "le": le}, count
    yield f"{name}_sum", labels, point.sum
    yield f"{name}_count", labels, point.count
    assert not point.HasField("min")
    assert not point.HasField("max")


def _labels(point: NumberDataPoint | HistogramDataPoint) -> dict[str, str]:
    return {one.key: one.value.string_value for one in point.attributes}


@asynccontextmanager
async def over_http() -> AsyncIterator[Received]:
    """A receiver at `http://127.0.0.1:PORT/v1/metrics`."""
    received = Received()

    async def take(request: web.Request) -> web.Response:
        received.carried.append(dict(request.headers))
        received.requests.append(Request.FromString(await request.read()))
        body = received.answer.SerializeToString() if received.page is None else received.page
        return web.Response(status=received.status, body=body, headers=received.headers)

    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/metrics", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    received.port = runner.addresses[0][1]
    try:
        yield received
    finally:
        await runner.cleanup()


class _Servicer(service_grpc.MetricsServiceServicer):
    def __init__(self, received: Received) -> None:
        self.received = received

    async def Export(  # noqa: N802 - the protocol's name
        self, request: Request, context: grpc.aio.ServicerContext[Request, Response]
    ) -> Response:
        self.received.carried.append({k: str(v) for k, v in context.invocation_metadata() or ()})
        self.received.requests.append(request)
        return self.received.answer


@asynccontextmanager
async def over_grpc() -> AsyncIterator[Received]:
    """A receiver at `http://127.0.0.1:PORT`."""
    received, server = Received(), grpc.aio.server()
    service_grpc.add_MetricsServiceServicer_to_server(_Servicer(received), server)  # type: ignore[no-untyped-call]  # generated
    received.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield received
    finally:
        await server.stop(None)
