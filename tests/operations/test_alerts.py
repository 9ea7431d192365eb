"""The shipped alerts ask for metrics that the service has, with labels that it gives."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from radlogic.adapters.cds_hooks.counted import OUTCOMES, CdsCounts
from radlogic.adapters.monitor.metrics import Metrics
from radlogic.adapters.store.cases import Store
from radlogic.engine.types import Priority

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
PAGE = (FOLDER.parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
PROMTOOL = shutil.which("promtool")


def exposed(folder):
    """Metric -> its labels, of a service that has counted one of each."""
    metrics = Metrics(services=["radlogic-patient-view"])
    counts = CdsCounts(metrics)
    counts.observe_cds("radlogic-patient-view", 200, 0.1)
    counts.observe_feedback("radlogic-patient-view", "overridden", "")
    with Store.open(folder) as store:
        text = metrics.exposition(store).decode()
    found = re.findall(r"^(radlogic_\w+)(?:\{([^}]*)\})? ", text, flags=re.MULTILINE)
    return {name: set(re.findall(r"(\w+)=", labels)) for name, labels in found} | {"up": {"job"}}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_asks_for_what_is_counted(rule, tmp_path):
    known = exposed(tmp_path)
    asked = re.findall(r"\b((?:radlogic_\w+|up))(?:\{([^}]*)\})?", rule["expr"])

    assert asked
    assert [name for name, _ in asked if name not in known] == []
    assert [n for n, labels in asked if set(re.findall(r"(\w+)(?:=~|=)", labels)) - known[n]] == []
    assert set(re.findall(r'outcome="(\w+)"', rule["expr"])) <= set(OUTCOMES)
    assert set(re.findall(r'priority="(\w+)"', rule["expr"])) <= {priority.value for priority in Priority}
    assert rule["annotations"]["summary"] and rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_the_page_says_what_to_do_about_every_alert():
    assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in PAGE] == []


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on this machine")
@pytest.mark.parametrize("what", [["rules", "alerts.yml"], ["config", "prometheus.yml"]], ids=lambda w: w[1])
def test_prometheus_takes_the_files(what):
    run = subprocess.run(
        [PROMTOOL, "check", *what], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=30
    )

    assert run.returncode == 0, run.stdout + run.stderr


SERIES = [
    {"series": 'up{job="radlogic"}', "values": "1+0x10 0+0x20"},
    {"series": "radlogic_store_readable", "values": "1+0x10 0+0x20"},
    {"series": 'radlogic_cds_request_seconds_count{service="a",status="200"}', "values": "0+60x60"},
    {"series": 'radlogic_cds_request_seconds_count{service="a",status="503"}', "values": "0+1x60"},
    {"series": 'radlogic_cds_request_seconds_count{service="a",status="412"}', "values": "0+20x60"},
    {"series": 'radlogic_cds_request_seconds_bucket{service="a",status="200",le="0.5"}', "values": "0+50x60"},
    {"series": 'radlogic_cds_request_seconds_bucket{service="a",status="200",le="1.0"}', "values": "0+60x60"},
    {"series": 'radlogic_cds_request_seconds_bucket{service="a",status="200",le="+Inf"}', "values": "0+60x60"},
    {"series": 'radlogic_oldest_review_seconds{priority="urgent"}', "values": "3601+60x60"},
    {"series": 'radlogic_cds_feedback_total{service="a",outcome="overridden",reason="none"}', "values": "0+5x90"},
    {"series": 'radlogic_cds_feedback_total{service="a",outcome="accepted",reason="none"}', "values": "0+1x90"},
]
SOUNDS = {
    "RadlogicDown": ("14m", {"job": "radlogic"}),
    "RadlogicStoreUnreadable": ("14m", {}),
    "RadlogicFailsCalls": ("20m", {}),
    "RadlogicSlow": ("30m", {}),
    "RadlogicLacksData": ("40m", {}),
    "RadlogicUrgentReviewWaits": ("10m", {"priority": "urgent"}),
    "RadlogicCardsOverridden": ("89m", {"service": "a"}),
}


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool on this machine")
def test_each_alert_sounds_where_it_should_and_not_before(tmp_path):
    shutil.copy(FOLDER / "alerts.yml", tmp_path)
    by_name = {rule["alert"]: rule for rule in RULES}
    sounds = [
        {
            "eval_time": at,
            "alertname": name,
            "exp_alerts": [
                {
                    "exp_labels": {"severity": by_name[name]["labels"]["severity"], **labels},
                    "exp_annotations": {
                        "summary": by_name[name]["annotations"]["summary"].replace("{{ $labels.service }}", "a")
                    },
                }
            ],
        }
        for name, (at, labels) in SOUNDS.items()
    ]
    quiet = [{"eval_time": "1m", "alertname": name, "exp_alerts": []} for name in SOUNDS]
    test = {"interval": "1m", "input_series": SERIES, "alert_rule_test": [*quiet, *sounds]}
    document = {"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    run = subprocess.run(
        [PROMTOOL, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert set(SOUNDS) == set(by_name)
    assert run.returncode == 0, run.stdout + run.stderr
