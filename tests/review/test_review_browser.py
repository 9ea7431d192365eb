"""The whole way in a real browser: Chromium, with its own script, styles and policy."""

import contextlib
import shutil
import threading

import pytest
import uvicorn
from access_world import CHEAP, PHRASE
from open_services import open_app
from review_world import NODULE, NOW, case_of, review_world, small_volume

from radlogic.adapters.access.settings import settings_from
from radlogic.adapters.review.setup import Pages
from radlogic.adapters.serving import listen
from radlogic.adapters.store.cases import Kind, State
from radlogic.adapters.store.log import FileLog
from radlogic.adapters.store.queue import FileQueue
from radlogic.adapters.store.verify import verify

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), "")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The service over a store with one case, on a port of its own: (address, store, decision id)."""
    folder = tmp_path_factory.mktemp("site") / "store"
    made = review_world(None, folder)  # its own browsers are not used
    kept = made.add(case_of(NODULE), small_volume())
    with listen("127.0.0.1", 0) as socket:
        address = f"http://127.0.0.1:{socket.getsockname()[1]}"
        access = settings_from({"base_url": address, "home": "/review"}).model_copy(update=CHEAP)
        app = open_app(FileLog(folder), FileQueue(folder), pages=Pages(made.desk, access))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        try:
            yield address, made.store, kept
        finally:
            server.should_exit = True
            thread.join(20)


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


@pytest.fixture
def window(chromium, site):
    """A page, logged in as the reviewer, that reports every error of its script and of its policy."""
    context = chromium.new_context(viewport=WIDE)
    page, troubles = context.new_page(), []
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.set_default_timeout(20_000)
    page.goto(f"{site[0]}/review")
    page.fill("#name", "reviewer")
    page.fill("#password", PHRASE)
    page.click("button[type=submit]")
    page.wait_for_url("**/review")
    page.troubles = troubles
    yield page
    context.close()


def ready(page) -> None:
    """The slices are drawn."""
    page.wait_for_function("() => document.querySelector('[data-about]')?.textContent.startsWith('Slice')")


def greys(page) -> list[int]:
    """Grey values of the canvas in its middle row."""
    return page.evaluate(
        """() => { const c = document.querySelector("[data-viewer] canvas");
        const d = c.getContext("2d").getImageData(0, c.height >> 1, c.width, 1).data;
        return [...d].filter((_, i) => i % 4 === 0); }"""
    )


def said(page) -> str:
    return page.inner_text("[data-about]")


def test_from_the_worklist_to_the_signature(window, site):
    page, (_, store, kept) = window, site
    finds_the_case_by_keys(page, kept)
    looks_at_slices(page)
    commits_findings(page)
    sees_the_engines_beside(page)
    new = corrects_a_finding(page, store, kept)
    overrides(page)
    signs(page)

    mine = [entry.kind for entry in store.case(new).history if entry.actor == "reviewer" and entry.kind != "opened"]
    before = [entry.kind for entry in store.case(kept).history if entry.actor == "reviewer" and entry.kind != "opened"]
    override, row = store.case(new).of_kind(Kind.OVERRIDDEN)[0].body, store.row(new)
    assert mine == ["decided", "queued", "reasons_opened", "overridden", "signed"]
    assert before == ["read", "superseded"]
    assert (override["reason"], override["answer"]["category"]) == ("clinical_context", "4X")
    assert (row.state, row.outcome, row.signed_at) == (State.SIGNED, "overridden", NOW)
    assert verify(store.journal).sound
    assert page.troubles == []


def finds_the_case_by_keys(page, kept) -> None:
    """On the worklist, which holds nothing of the answer."""
    assert "Read first" in page.inner_text("ol.cases") and "4A" not in page.content()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/review/{kept}")


def looks_at_slices(page) -> None:
    """They scroll and change their greys; the engine's findings are not there."""
    ready(page)
    assert page.inner_text("h1") == "Read first"
    assert all(word not in page.content() for word in ("4A", "N1", "odds"))
    first, before = said(page), greys(page)
    assert max(before) > min(before)
    page.locator("[data-viewer] canvas").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("(old) => document.querySelector('[data-about]').textContent !== old", arg=first)
    page.keyboard.press("2")
    assert "mediastinum 40 / 400 HU" in said(page) and greys(page) != before


def commits_findings(page) -> None:
    """A nodule, placed by the cross on the images."""
    page.click("button[value='add:nodule']")
    ready(page)
    page.locator("[data-viewer] canvas").click(position={"x": 250, "y": 200})
    page.click("[data-take]")
    assert len(page.input_value("[name='new1.position']").split(",")) == 3
    page.select_option("[name='new1.type']", "solid")
    page.select_option("[name='new1.status']", "baseline")
    page.fill("[name='new1.long_mm']", "9.0")
    page.fill("[name='new1.short_mm']", "8.0")
    page.click("button[value=commit]")


def sees_the_engines_beside(page) -> None:
    """The category, the mark on the slices, the difference."""
    page.wait_for_selector("#answer .category")
    ready(page)
    assert page.inner_text("#answer .category") == "4A"
    assert "N1" in page.inner_text("[data-jump]")
    assert "by 0.4" in page.inner_text("#beside")


def corrects_a_finding(page, store, kept) -> str:
    """The category changes at once, before anything is kept; then it is kept. Returns the new decision's id."""
    page.click("#decide >> text=Correct the findings")
    page.wait_for_selector("h1:has-text('Correct the findings')")
    page.fill("[name='f0.long_mm']", "16.4")
    page.fill("[name='f0.short_mm']", "15.6")
    page.wait_for_selector("[data-changes] .after:has-text('category 4B')")
    assert store.row(kept).state is State.READ
    page.click("button[value=keep]")
    page.wait_for_selector("#answer .category:has-text('4B')")
    return page.url.split("/review/")[1].split("#")[0]


def overrides(page) -> None:
    """Another answer, with a reason; first the reasons for review are opened."""
    page.click("button:has-text('Open the reasons')")
    page.wait_for_selector(".why li")
    page.click("summary:has-text('Override')")
    page.select_option("#reason", "clinical_context")
    page.select_option("#answer-instead", "lung-rads@2022|4X")
    page.fill("#comment", "FDG-avid on the PET of last week")
    page.click(".override button")
    page.wait_for_selector("#history >> text=gave another answer")


def signs(page) -> None:
    """The banner then no longer calls it preliminary."""
    page.check("[name=looked]")
    page.click("#sign button")
    page.wait_for_selector("#signed")
    assert "Signed by reviewer" in page.inner_text("#signed")
    assert "PRELIMINARY" not in page.inner_text(".banner")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_narrow_screen_and_its_text_stands_out(chromium, site, scheme):
    """400 pixels, and so 200 % zoom of 800; contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3 and 1.4.10)."""
    address, _, kept = site
    context = chromium.new_context(viewport=NARROW, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{address}/review")
    page.fill("#name", "auditor")
    page.fill("#password", PHRASE)
    page.click("button[type=submit]")
    page.wait_for_url("**/review")
    try:
        for where in ("", f"/{kept}", "/none"):
            page.goto(f"{address}/review{where}")
            page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= NARROW["width"], where
            assert page.evaluate(FAINT) == [], where
    finally:
        context.close()


# Words whose contrast against what is painted behind them is below 4.5 to 1, pictures left out.
FAINT = """() => {
  const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const linear = (v) => (v <= 10.3 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => [r, g, b].map(linear).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length && (c.length < 4 || c[3] > 0)) return c; } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll("main *, .top *")) {
    if (e.closest("svg, canvas, .stage, option, optgroup") || !e.checkVisibility()) continue;
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 40)}`);
  }
  return found;
}"""
