"""Memory of a process that answers: once it holds what it keeps, a call leaves its token behind and nothing else."""

import gc
import logging
import sys
from contextlib import closing

import pytest
from cds_calls import FILES
from cds_world import request
from verified_service import service

WARM, MANY, ROUNDS = 15, 30, 2  # of each call; what one round leaves may be another's
FEW = 12.0  # blocks a call: its token's hash, and what lists and sets grow by; of what a call reads there are hundreds


def calls(caller):
    """A call of each service, of discovery, and one that nobody is believed."""
    for file in FILES:
        body, path = request(file["hook"], **file["cases"][0].get("request", {})), f"/cds-services/{file['service']}"
        yield lambda path=path, body=body: caller.post(path, body)
    yield lambda: caller.send("GET", "/cds-services")
    yield lambda: caller.send("GET", "/cds-services", verified=False)


def blocks():
    """Of the interpreter's memory that are in use."""
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.slow
def test_a_call_leaves_nothing_behind_but_its_token(tmp_path, monkeypatch):
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)  # pytest keeps every line
    left = {}
    with closing(service(tmp_path)) as caller:
        caller.meet()
        for number, ask in enumerate(calls(caller)):
            statuses, rounds = {ask().status_code for _ in range(WARM)}, []
            for _ in range(ROUNDS):
                before = blocks()
                statuses |= {ask().status_code for _ in range(MANY)}
                rounds.append((blocks() - before) / MANY)
            left[number, *statuses] = min(rounds)

    assert {status for _, status in left} == {200, 401}
    assert max(left.values()) < FEW, left
