"""The page of ten million exams in a real browser: opened in time, in light, dark, narrow and on paper."""

import contextlib
import shutil
import time

import audit_counts
import pytest

from radlogic.adapters.audit.page import page

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), "")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
EXAMS, READERS, SITES, MONTHS = 10_000_000, 400, 60, 90
OPENED_S = 2.0


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page of all measures."""
    pytest.importorskip("sqlglot", reason="needs the extra `audit`")
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page(audit_counts.summary(EXAMS, READERS, SITES, MONTHS), audit_counts.aggregates(EXAMS)), "utf-8")
    return path


@pytest.fixture(scope="module")
def chromium():
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright, which is not installed")
    if not BROWSER:
        pytest.skip("needs Chromium, which is not installed")
    with (
        driver.sync_playwright() as playwright,
        contextlib.closing(
            playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        ) as browser,
    ):
        yield browser


@contextlib.contextmanager
def opened(chromium, file, size=WIDE, **how):
    """The page; every word on the console is a fault. Yields (page, seconds until it stood)."""
    context = chromium.new_context(viewport=size, **how)
    window, troubles = context.new_page(), []
    window.on("console", lambda said: troubles.append(said.text))
    window.on("pageerror", lambda error: troubles.append(str(error)))
    begun = time.perf_counter()
    window.goto(file.as_uri(), wait_until="load")
    yield window, time.perf_counter() - begun
    assert troubles == []
    context.close()


def test_it_stands_within_two_seconds(chromium, file):
    took = []
    for _ in range(4):  # others share the machine: the best of several
        with opened(chromium, file) as (_, seconds):
            took.append(seconds)

    assert min(took) < OPENED_S


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_runs_out_of_the_page(chromium, file, size, scheme):
    with opened(chromium, file, size, color_scheme=scheme) as (window, _):
        window.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        wide = window.evaluate("document.documentElement.scrollWidth")
        background, ink = window.evaluate(
            "(() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]; })()"
        )

    assert wide <= size["width"]
    assert (brightness(background) > brightness(ink)) is (scheme == "light")


def brightness(colour):
    return sum(int(n) for n in colour.removeprefix("rgb(").removesuffix(")").split(","))


def test_words_of_a_picture_lie_within_it(chromium, file):
    with opened(chromium, file) as (window, _):
        window.evaluate("document.querySelectorAll('section').forEach(one => one.style.contentVisibility = 'visible')")
        outside = window.evaluate(
            """() => [...document.querySelectorAll('svg')].flatMap(svg => {
                 const frame = svg.getBoundingClientRect();
                 return [...svg.querySelectorAll('text')].filter(t => {
                   const b = t.getBoundingClientRect();
                   return b.left < frame.left - 1 || b.right > frame.right + 1
                     || b.top < frame.top - 1 || b.bottom > frame.bottom + 1;
                 }).map(t => svg.getAttribute('aria-labelledby') + ': ' + t.textContent);
               })"""
        )

    assert outside == []


def test_on_paper_every_table_is_open(chromium, file):
    with opened(chromium, file) as (window, _):
        window.emulate_media(media="print")
        hidden = window.evaluate(
            "() => [...document.querySelectorAll('details table')].filter(t => !t.checkVisibility("
            "{contentVisibilityAuto: true})).length"
        )

    assert hidden == 0
