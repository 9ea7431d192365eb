"""``radlogic serve --processes``: whichever process is asked, the service is one."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from uuid import uuid4

import httpx
import pytest
import yaml
from identity_server import EcKey, signed

from radlogic.adapters.cds_hooks.card_key import card_key
from radlogic.adapters.cds_hooks.naming import card_name, topic_of
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.verify import verify

HOST = "127.0.0.1"
ISS, JKU = "https://ehr.hospital.example", "https://ehr.hospital.example/jwks"
SERVICE = "/cds-services/radlogic-patient-view"
START_S, END_S = 60.0, 30.0  # on a machine that others keep busy
MANY = 2


def free_port():
    with socket.create_server((HOST, 0)) as probe:
        return probe.getsockname()[1]


class Serving:
    """The command with verified clients and several processes."""

    def __init__(self, folder):
        self.folder, self.port, self.key = folder, free_port(), EcKey()
        (folder / "jwks.json").write_text(json.dumps({"keys": [self.key.jwk()]}), encoding="utf-8")
        client = {"name": "ehr", "iss": ISS, "keys": [{"jku": JKU, "file": str(folder / "jwks.json")}]}
        tree = {"store": str(folder / "store"), "port": self.port, "trust": {"clients": [client]}, "processes": MANY}
        (folder / "settings.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
        code = "from radlogic.adapters.cli import main; main()"
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("RADLOGIC_", "OTEL_", "PROMETHEUS_"))}
        self.errors = (folder / "stderr.txt").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "serve", "--settings", str(folder / "settings.yaml")],
            stdout=subprocess.DEVNULL, stderr=self.errors, env=environment,
        )  # fmt: skip

    def __enter__(self):
        try:
            until = time.monotonic() + START_S
            while self.told().count("Application startup complete.") < MANY:
                assert self.process.poll() is None and time.monotonic() < until, self.told()
                time.sleep(0.05)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for worker in self.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGCONT)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(END_S)
        self.errors.close()

    def told(self):
        self.errors.seek(0)
        return self.errors.read()

    def workers(self):
        """The processes that were started, in their order; ended ones, too."""
        return [int(found) for found in re.findall(r"Started server process \[(\d+)\]", self.told())]

    @contextlib.contextmanager
    def only(self, worker):
        """Within the block no other process answers."""
        others = [one for one in self.workers() if one != worker]
        for one in others:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in others:
                os.kill(one, signal.SIGCONT)

    def token(self, path):
        now = int(time.time())
        said = {
            "iss": ISS,
            "aud": f"http://{HOST}:{self.port}{path}",
            "exp": now + 300,
            "iat": now,
            "jti": str(uuid4()),
        }
        return signed(self.key, said, jku=JKU)

    def ask(self, method, path, token=None, content=None):
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        url = f"http://{HOST}:{self.port}{path}"
        return httpx.request(method, url, headers=headers, content=content, timeout=30, trust_env=False)

    def asked_to_stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S)


@pytest.fixture
def serving(tmp_path):
    Store.open(tmp_path / "store").close()
    with Serving(tmp_path) as made:
        yield made


def feedback(card):
    reason = {"reason": {"code": "patient-preference"}}
    entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2025-06-20T09:00:00Z"}
    return json.dumps({"feedback": [entry | {"overrideReason": reason}]}).encode()


def shown(folder, many):
    """Names of cards as a call of the service gives them: feedback is kept on no others."""
    with Store.open(folder, make=False) as opened:
        key = card_key(opened.journal.database)
    return [str(card_name(topic_of(0, "someone", f"follow-up {uuid4()}"), "a call", key)) for _ in range(many)]


def answered(call):
    """The status, read to its end."""
    with contextlib.closing(call), call.getresponse() as response:
        response.read()
        return response.status


def counted(text, name):
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))


@pytest.mark.slow
def test_a_token_that_one_process_took_is_refused_by_another(serving):
    one, other = serving.workers()
    token = serving.token("/cds-services")
    with serving.only(one):
        first = serving.ask("GET", "/cds-services", token).status_code
    with serving.only(other):
        again = serving.ask("GET", "/cds-services", token).status_code
        fresh = serving.ask("GET", "/cds-services", serving.token("/cds-services")).status_code

    assert (first, again, fresh) == (200, 401, 200)


@pytest.mark.slow
def test_whichever_process_is_asked_tells_what_all_counted_also_of_one_that_died(serving):
    path, told = f"{SERVICE}/feedback", []
    for worker, card in zip(serving.workers(), shown(serving.folder / "store", MANY), strict=True):
        with serving.only(worker):
            assert serving.ask("POST", path, serving.token(path), feedback(card)).status_code == 200
    for worker in serving.workers():
        with serving.only(worker):
            told.append(serving.ask("GET", "/metrics").text)
    one, other = serving.workers()
    os.kill(one, signal.SIGKILL)
    until = time.monotonic() + START_S
    while serving.told().count("Application startup complete.") < MANY + 1 and time.monotonic() < until:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.kill(other, signal.SIGSTOP)
    told.append(serving.ask("GET", "/metrics").text)  # of the one that took its place
    os.kill(other, signal.SIGCONT)

    assert [counted(text, "radlogic_cds_feedback_total{") for text in told] == [MANY] * 3
    assert [counted(text, "radlogic_cds_request_seconds_count{") for text in told] == [MANY] * 3
    assert [counted(text, "radlogic_store_readable ") for text in told] == [1, 1, 1]
    assert f"process {one} of the service ended by itself (by signal 9)" in serving.told()
    assert serving.asked_to_stop() == 0


@pytest.mark.slow
def test_asked_to_stop_all_of_them_answer_what_they_began_and_the_code_is_0(serving):
    path, cards, begun = f"{SERVICE}/feedback", shown(serving.folder / "store", MANY), []
    for worker, card in zip(serving.workers(), cards, strict=True):
        body = feedback(card)
        call = http.client.HTTPConnection(HOST, serving.port, timeout=30)
        with serving.only(worker):
            call.putrequest("POST", path)
            for name, value in (
                ("Content-Type", "application/json"),
                ("Authorization", f"Bearer {serving.token(path)}"),
                ("Content-Length", str(len(body))),
            ):
                call.putheader(name, value)
            call.endheaders(body[:20])
            time.sleep(0.5)  # it is this process that has it
        begun.append((call, body[20:]))
    serving.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    with pytest.raises(OSError):
        socket.create_connection((HOST, serving.port), timeout=1).close()
    for call, rest in begun:
        call.send(rest)
    statuses = [answered(call) for call, _ in begun]

    assert statuses == [200] * MANY
    assert serving.process.wait(END_S) == 0, serving.told()


@pytest.mark.slow
def test_feedback_to_all_of_them_at_once_is_kept_once_each_and_no_lock_is_an_error(serving):
    path, cards = f"{SERVICE}/feedback", shown(serving.folder / "store", 120)
    tokens, statuses, left = [serving.token(path) for _ in cards], [], list(cards)

    def clinician():
        while left:
            with contextlib.suppress(IndexError):
                card, token = left.pop(), tokens.pop()
                status = serving.ask("POST", path, token, feedback(card)).status_code
                statuses.append((card, status))

    clinicians = [threading.Thread(target=clinician) for _ in range(4)]
    for one in clinicians:
        one.start()
    for one in clinicians:
        one.join(60)

    assert sorted(statuses) == sorted((card, 200) for card in cards)
    assert "locked" not in serving.told()
    assert serving.asked_to_stop() == 0
    with Store.open(serving.folder / "store", make=False) as opened:
        assert not verify(opened.journal).findings
        with opened.journal.reading() as connection:
            rows = connection.exec_driver_sql("SELECT body FROM entry WHERE kind = 'feedback'").all()
    assert sorted(json.loads(row.body)["card"] for row in rows) == sorted(cards)
