"""A start of the service says where it listens, and why it failed."""

import asyncio
import http.client
import logging
import re
import subprocess
import sys
import time

import pytest
from open_services import open_app

from radlogic.adapters.cds_hooks.setup import CdsServices
from radlogic.adapters.store.errors import StoreUnavailable

START_S = 60.0  # on a machine that others keep busy
SERVE = "from radlogic.adapters.cli import main; main()"


def test_with_port_0_the_log_tells_which_port_it_became(tmp_path):
    words = [sys.executable, "-c", SERVE, "serve", "--unverified", "--port", "0", "--store", str(tmp_path / "store")]
    with (tmp_path / "stderr.txt").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            told, until = "", time.monotonic() + START_S
            while "Application startup complete." not in told:
                assert process.poll() is None and time.monotonic() < until, told
                time.sleep(0.05)
                told = (tmp_path / "stderr.txt").read_text(encoding="utf-8")
            (port,) = re.findall(r"listening on 127\.0\.0\.1, port (\d+)$", told, re.M)
            asked = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
            asked.request("GET", "/healthz")
            assert asked.getresponse().status == 200
            asked.close()
        finally:
            process.kill()
            process.wait()


def test_a_start_that_fails_says_why(monkeypatch, caplog):
    refused = StoreUnavailable("store", "", "no room on the disk", "a store that can be opened", "Make room.")

    def warm(_):
        raise refused

    monkeypatch.setattr(CdsServices, "warm", warm)
    app = open_app(None, None)

    async def start():
        async with app.router.lifespan_context(app):
            pass

    with caplog.at_level(logging.ERROR), pytest.raises(StoreUnavailable):
        asyncio.run(start())
    assert [r.getMessage() for r in caplog.records] == [f"not started: {refused}"]
