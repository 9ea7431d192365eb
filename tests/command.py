"""Run ``radlogic`` in this process, as its entry point does."""

import io
import sys
from dataclasses import dataclass
from unittest import mock

import pytest

from radlogic.adapters import cli


@dataclass(frozen=True)
class Result:
    """What a run printed and its exit code."""

    code: int
    out: str
    err: str


def run(*arguments: object, stdin: str = "") -> Result:
    """The result of ``radlogic ARGUMENTS``; an exception that is not ours passes through and fails the test."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["radlogic", *map(str, arguments)]
    with (
        mock.patch.object(sys, "argv", argv),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")),
        mock.patch.object(sys, "stdout", out),
        mock.patch.object(sys, "stderr", err),
        pytest.raises(SystemExit) as stopped,
    ):
        cli.main()
    return Result(int(stopped.value.code or 0), out.getvalue(), err.getvalue())
