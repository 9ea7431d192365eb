"""What Prometheus is told: right numbers, few labels, nobody's name."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from monitor_store import READER, assessed, at, of_patient, sign
from prometheus_client.parser import text_string_to_metric_families

from radlogic.adapters.monitor.metrics import CONTENT_TYPE, Metrics, metrics_routes
from radlogic.adapters.store.cases import Outcome, Store

TWO, OPEN = assessed(4.5), assessed(6.2)
SERVICES = ("radlogic-patient-view",)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store") as opened:
        yield opened


def samples(text):
    families = text_string_to_metric_families(text.decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def test_decisions_signatures_and_overrides_are_counted():
    metrics = Metrics()
    metrics.observe_decision(TWO.decision)
    metrics.observe_decision(OPEN.decision)
    metrics.observe_signature(Outcome.ACCEPTED)
    metrics.observe_override("image_quality")

    found = samples(metrics.exposition(None))
    assert found["radlogic_decisions_total", (("route", "hybrid"),)] == 1
    assert found["radlogic_decisions_total", (("route", "rule_based"),)] == 1
    assert found["radlogic_review_reasons_total", (("reason", "not_calibrated_here"),)] == 2
    assert found["radlogic_review_reasons_total", (("reason", "finding_unknown"),)] == 1  # once for each decision
    assert found["radlogic_signatures_total", (("outcome", "accepted"),)] == 1
    assert found["radlogic_overrides_total", (("reason", "image_quality"),)] == 1


def test_requests_are_counted_by_service_and_status_with_their_time():
    metrics = Metrics(SERVICES)
    for seconds in (0.02, 0.3, 20.0):
        metrics.observe_cds(SERVICES[0], 200, seconds)

    found, labels = samples(metrics.exposition(None)), (("service", SERVICES[0]), ("status", "200"))
    assert found["radlogic_cds_request_seconds_count", labels] == 3
    assert found["radlogic_cds_request_seconds_sum", labels] == pytest.approx(20.32)
    assert found["radlogic_cds_request_seconds_bucket", (("le", "0.5"), *labels)] == 2


def test_what_a_caller_makes_up_is_one_label_more_and_no_second_one():
    metrics = Metrics(SERVICES)
    for i in range(1000):
        metrics.observe_cds(f"patient-{i}", 200 + 1000 * i, 0.1)
        metrics.observe_override(f"Mr {i}")

    text = metrics.exposition(None)
    assert b"patient-" not in text
    assert b"Mr " not in text
    assert len(samples(text)) < 50


def test_what_waits_is_counted_in_the_store_by_priority_with_the_oldest(store):
    store.add(of_patient(TWO, "d1"), at(0), "radlogic")
    store.add(of_patient(TWO, "d2"), at(30), "radlogic")
    store.add(of_patient(OPEN, "d3"), at(40), "radlogic")
    sign(store, TWO, "d4", 50)

    found = samples(Metrics().exposition(store, at(0) + timedelta(hours=2)))
    priority = dict.fromkeys(("two",), TWO.decision.review.priority.value)["two"]
    open_ = OPEN.decision.review.priority.value
    assert found["radlogic_reviews_waiting", (("priority", priority),)] == 2
    assert found["radlogic_oldest_review_seconds", (("priority", priority),)] == 7200
    assert found["radlogic_reviews_waiting", (("priority", open_),)] == 1
    assert found["radlogic_oldest_review_seconds", (("priority", open_),)] == 7200 - 2400
    assert found["radlogic_reviews_waiting", (("priority", "urgent"),)] == 0


def test_a_signature_takes_a_review_off(store):
    store.add(of_patient(TWO, "d1"), at(0), "radlogic")
    store.open_reasons("d1", at(1), **READER)
    store.sign("d1", at(2), **READER)

    waiting = {k: v for k, v in samples(Metrics().exposition(store, at(9))).items() if "waiting" in k[0]}
    assert set(waiting.values()) == {0}


def test_the_route_answers_in_prometheus_format_and_is_not_cached(store):
    app = FastAPI()
    app.include_router(metrics_routes(Metrics(), store))

    async def asked():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.get("/metrics")

    answer = asyncio.run(asked())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == CONTENT_TYPE
    assert answer.headers["cache-control"] == "no-store"
    assert ("radlogic_reviews_waiting", (("priority", "routine"),)) in samples(answer.content)


def test_no_name_of_patient_reader_or_decision_is_told(store):
    sign(store, TWO, "decision-1")
    text = Metrics().exposition(store)

    assert not any(word in text for word in (b"patient-decision-1", b"dr-a", b"decision-1"))
