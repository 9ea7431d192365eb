"""Reports read by a person and kept as they were read. ``tests/report_cases.py`` says how to write them anew."""

import pytest
from report_cases import GOLDEN, MAKE, golden_text


@pytest.mark.parametrize("name", MAKE)
def test_the_report_is_the_one_that_was_read(name):
    assert golden_text(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_no_golden_file_is_without_its_case():
    assert {file.stem for file in GOLDEN.iterdir()} == set(MAKE)
    assert len(MAKE) >= 12
