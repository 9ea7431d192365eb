"""The reader of multipart/related, against bodies made here and cut and broken in every way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.adapters.archive.errors import BadAnswer, CutShort
from radlogic.adapters.archive.multipart import Parts, boundary_of, with_one_part

MARK = b"mark"
BODIES = st.lists(st.binary(max_size=60).filter(lambda b: b"\r\n--mark" not in b"\r\n" + b), max_size=5)


def made(bodies, head=b"Content-Type: application/dicom"):
    return b"".join(b"--mark\r\n" + head + b"\r\n\r\n" + body + b"\r\n" for body in bodies) + b"--mark--\r\n"


def cut(data, sizes):
    """The bytes in pieces of these sizes, again and again."""
    at, n = 0, 0
    while at < len(data):
        size = sizes[n % len(sizes)]
        yield data[at : at + size]
        at, n = at + size, n + 1


def read(blocks):
    return [b"".join(part) for part in Parts(blocks, MARK)]


@settings(max_examples=60, deadline=None)
@given(BODIES, st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_parts_are_what_was_sent_however_the_bytes_arrive(bodies, sizes):
    assert read(cut(made(bodies), sizes)) == bodies


@settings(max_examples=60, deadline=None)
@given(BODIES.filter(bool), st.integers(1, 40), st.data())
def test_a_body_that_is_cut_anywhere_before_its_end_is_cut_short(bodies, size, data):
    whole = made(bodies)
    end = data.draw(st.integers(0, len(whole) - 3))  # all but the line's end after the last mark

    with pytest.raises(CutShort):
        read(cut(whole[:end], [size]))


def test_a_part_that_nobody_reads_is_passed_over():
    found = []
    for number, part in enumerate(Parts(cut(made([b"one", b"two" * 50, b"three"]), [7]), MARK)):
        if number != 1:
            found.append(b"".join(part))

    assert found == [b"one", b"three"]


def test_a_preamble_is_passed_over():
    assert read([b"to those who cannot read this\r\n" + made([b"one"])]) == [b"one"]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(made([b"x"], b"Content-Type: text/html"), id="a part of another type"),
        pytest.param(b"--mark\r\n" + b"X: y\r\n" * 5000, id="headers without end"),
        pytest.param(b"a" * 40_000, id="no boundary at all"),
        pytest.param(b"--markmark\r\n", id="a boundary that goes on"),
    ],
)
def test_what_is_no_multipart_of_dicom_is_refused(body):
    with pytest.raises(BadAnswer):
        read(cut(body, [1000]))


@pytest.mark.parametrize(
    "media",
    [
        "text/html",
        "application/dicom",
        "multipart/form-data; boundary=x",
        'multipart/related; type="application/dicom+json"; boundary=x',
        'multipart/related; type="application/dicom"',
        f'multipart/related; type="application/dicom"; boundary={"x" * 71}',
        'multipart/related; type="application/dicom"; boundary="a\tb"',
        "",
    ],
)
def test_an_answer_of_another_media_type_is_refused(media):
    with pytest.raises(BadAnswer):
        boundary_of(media)


def test_the_boundary_is_found_with_and_without_quotes():
    kind = 'multipart/related; type="application/dicom"; transfer-syntax=1.2; '

    assert {boundary_of(kind + "boundary=a-b"), boundary_of(kind + 'boundary="a-b"')} == {b"a-b"}


def test_what_is_written_is_read_again_and_as_long_as_said(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 9000)
    size, blocks = with_one_part(file, MARK)
    body = b"".join(blocks)

    assert len(body) == size
    assert read([body]) == [file.read_bytes()]
