"""What a site sets, and what a mistake in it is answered with."""

import asyncio
from pathlib import Path

import httpx
import pytest
from open_services import open_app

from radlogic.adapters.access.permissions import Actor, Role
from radlogic.adapters.review.settings import ReviewSettings
from radlogic.adapters.review.setup import pages_of
from radlogic.adapters.site_settings import settings_of
from radlogic.adapters.store.log import FileLog
from radlogic.adapters.store.queue import FileQueue
from radlogic.engine.errors import RadlogicError

HERE = "http://127.0.0.1:8765"
SITE = """
access: {base_url: "https://radlogic.hospital.example", idle_s: 900}
review: {read_first: {reviewer: false}, page_size: 20, images: slices}
"""


def actor(*roles: Role) -> Actor:
    return Actor("a", "", frozenset(roles), "s")


def pages(tmp_path, text=None, images=None):
    file = tmp_path / "site.yaml"
    if text is not None:
        file.write_text(text)
    more = {"review": {"images": images}} if images is not None else {}
    made = pages_of(settings_of(file if text is not None else None, store=str(tmp_path / "store"), **more))
    made.desk.store.close()
    return made


def test_without_a_file_everybody_who_reads_reads_first(tmp_path):
    made = pages(tmp_path)
    reads = {role: made.desk.settings.reads_first(actor(role)) for role in Role}

    assert reads == {Role.READER: True, Role.REVIEWER: True, Role.AUDITOR: False, Role.ADMIN: False}
    assert (made.access.base_url, made.access.home) == (HERE, "/review")
    assert made.desk.images == tmp_path / "store" / "images"


def test_a_site_sets_its_own(tmp_path):
    made = pages(tmp_path, SITE)

    assert (made.access.host, made.access.idle_s) == ("radlogic.hospital.example", 900)
    assert (made.desk.settings.page_size, made.desk.images) == (20, Path("slices"))
    assert not made.desk.settings.reads_first(actor(Role.REVIEWER))


def test_the_command_line_comes_before_the_file(tmp_path):
    assert pages(tmp_path, SITE, tmp_path / "here").desk.images == tmp_path / "here"


def test_who_has_several_roles_reads_first_if_one_of_them_does():
    settings = ReviewSettings(read_first={Role.REVIEWER: False})

    assert settings.reads_first(actor(Role.REVIEWER, Role.READER))
    assert not settings.reads_first(actor(Role.REVIEWER, Role.AUDITOR))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[]", "store, anchor"),
        ("review: 3", "review: found"),
        ("other: {}", "store, anchor"),
        ("review: {read_frist: {}}", "read_frist"),
        ("review: {read_first: {janitor: true}}", "read_first"),
        ("review: {page_size: 0}", "page_size"),
        ("access: {base_url: 'http://elsewhere.example'}", "base_url"),
        ("review: {", "YAML"),
    ],
)
def test_a_mistake_is_named_and_no_service_starts(tmp_path, text, named):
    with pytest.raises(RadlogicError, match=named):
        pages(tmp_path, text)

    assert not (tmp_path / "store").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RadlogicError, match=r"site\.yaml"):
        settings_of(tmp_path / "site.yaml", store=str(tmp_path / "store"))


async def asked(app, path):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE) as client:
        return await client.get(path)


def test_the_service_counts_what_is_signed_and_what_waits(tmp_path):
    pages = pages_of(settings_of(store=str(tmp_path / "store")))
    app = open_app(FileLog(tmp_path / "store"), FileQueue(tmp_path / "store"), pages=pages)

    told = asyncio.run(asked(app, "/metrics"))

    assert told.status_code == 200
    assert 'radlogic_reviews_waiting{priority="soon"} 0.0' in told.text
