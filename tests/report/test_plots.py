"""The pictures say what the decision says, are well-formed, and nothing in them lies over words."""

import json
import math
import random
from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from report_pages import Page, Plot, assert_safe, number_of
from sample_decisions import GROUNDS, fused

from radlogic.adapters.decision_file import dumps, loads
from radlogic.adapters.report.drawing import svg
from radlogic.adapters.report.html import report_html
from radlogic.adapters.report.network_plot import network_drawing
from radlogic.adapters.report.pushes_plot import pushes_drawing
from radlogic.adapters.report.tornado_plot import tornado_drawing
from radlogic.engine.fusion.compile_network import load_network
from radlogic.engine.grounds import Gap, Grounds, NetworkNode, Push, Sway, Turn
from radlogic.engine.record import Assessment

HOSTILE = "</text><script>alert(1)</script>&amp;<![CDATA[\"'\x00\u202e{{7*7}}_a__b"
NODE_BOXES = ("told", "asked", "inferred")
# No shrinking: a picture takes milliseconds to draw and its words are compared pair by pair.
SLOW_TO_DRAW = settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


def network(grounds):
    return Plot(svg(network_drawing(grounds, "N1")[0], "a"))


def pushes(grounds):
    return Plot(svg(pushes_drawing(grounds, "N1"), "a"))


def tornado(grounds, risk):
    return Plot(svg(tornado_drawing(grounds, risk, "N1")[0], "a"))


def all_plots(grounds, risk):
    return network(grounds), pushes(grounds), tornado(grounds, risk)


def shipped(name):
    """The structure of a shipped network with posteriors of no meaning."""
    whole = load_network(name).network
    nodes = tuple(
        NetworkNode(n.name, n.doc, n.parents, {s: 1 / len(n.states) for s in n.states}, n.states[0] if n.feeds else "")
        for n in whole.nodes.values()
    )
    told = tuple(Push(n.name, n.told, 0.1, 0.2, True) for n in nodes if n.told)
    return replace(GROUNDS, nodes=nodes, target=whole.target, pushes=told)


SHIPPED = pytest.mark.parametrize("name", ["lung-nodule", "liver-observation"])

NAMES = st.text("abcdefghij_XYZ äß<&\"'漢字\x07\u202e", max_size=30)
FINITE = st.floats(-900, 900)
ODDS = st.one_of(FINITE, st.sampled_from([math.inf, -math.inf, 0.0, 1e308, -1e308]))
SHARES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 1e-12, 5e-324, 1 - 1e-16]))


@st.composite
def posteriors(draw):
    states = draw(st.lists(NAMES, min_size=1, max_size=9, unique=True))
    weights = [draw(st.floats(0, 1)) for _ in states]
    whole = math.fsum(weights)
    return {s: w / whole if whole > 0 else 1 / len(states) for s, w in zip(states, weights, strict=True)}


@st.composite
def networks(draw, most=40):
    """Nodes in any order, each with up to four of those before it in another order as parents."""
    names = draw(st.lists(NAMES, max_size=most, unique=True))
    nodes = []
    for i, name in enumerate(names):
        parents = draw(st.lists(st.sampled_from(names[:i]), max_size=4, unique=True)) if i else []
        nodes.append(NetworkNode(name, "", tuple(parents), draw(posteriors()), draw(st.sampled_from(["", "told"]))))
    return tuple(draw(st.permutations(nodes)))


@st.composite
def sways(draw):
    low, high = sorted((draw(SHARES), draw(SHARES)))
    return Sway(draw(NAMES), draw(NAMES), draw(FINITE), draw(FINITE), draw(FINITE), low, high)


@st.composite
def any_grounds(draw):
    nodes = draw(networks(8))
    told = st.lists(st.builds(Push, NAMES, NAMES, ODDS, ODDS, st.booleans()), max_size=40).map(tuple)
    low, high = sorted((draw(SHARES), draw(SHARES)))
    return Grounds(
        draw(NAMES), draw(NAMES), draw(st.lists(NAMES, max_size=3).map(tuple)), draw(ODDS), draw(ODDS), draw(ODDS),
        (low, high), draw(st.floats(0.5, 0.99)), draw(ODDS),
        draw(told),
        draw(st.lists(st.builds(Turn, NAMES, NAMES, SHARES, SHARES, st.tuples(NAMES)), max_size=8).map(tuple)),
        draw(st.lists(st.builds(Gap, NAMES, SHARES, SHARES), max_size=8).map(tuple)),
        draw(st.lists(sways(), max_size=8).map(tuple)),
        nodes,
    )  # fmt: skip


def assert_no_words_meet(plot):
    for one, other in combinations(plot.texts, 2):
        assert not one.meets(other), (one, other)
    for spot in plot.texts:
        assert spot.left >= -0.1, spot
        assert spot.right <= plot.width + 0.1, spot
        assert 0 <= spot.top < spot.bottom <= plot.height, spot


def segments(plot, kinds):
    """Every straight piece of the lines of these kinds: (kind, path, (x, y), (x, y))."""
    return [
        (kind, i, a, b)
        for kind, paths in plot.lines.items()
        if kind.split()[0] in kinds
        for i, parts in enumerate(paths)
        for part in parts
        for a, b in pairwise(part)
    ]


def through(a, b, spot):
    """Whether a horizontal or vertical piece runs through the inside of a rectangle."""
    (left, right), (top, bottom) = sorted((a[0], b[0])), sorted((a[1], b[1]))
    inside_x = right > spot.left + 0.15 and left < spot.right - 0.15
    return inside_x and bottom > spot.top + 0.15 and top < spot.bottom - 0.15


def assert_links_hold(plot, nodes):
    """Every link is drawn, by a tree from its parent to a tip on its child, that meets no box, no words, no other."""
    boxes = plot.named(*NODE_BOXES)[: len(nodes)]
    links = segments(plot, {"link"})
    for _, _, a, b in links:
        assert a[0] == b[0] or a[1] == b[1]
        assert not [box for box in boxes if through(a, b, box)]
        assert not [text for text in plot.texts if through(a, b, text)]
    for one, other in combinations(links, 2):
        assert one[:2] == other[:2] or not along(one[2:], other[2:]), (one, other)
    place = dict(zip((n.name for n in nodes), boxes, strict=True))
    drawn = [(plot.lines[k][i], heads) for k, i, heads in heads_of(plot)]
    wanted = {p: [n.name for n in nodes if p in n.parents] for n in nodes for p in n.parents}
    found = {}
    for parts, heads in drawn:
        parent = next(name for name, box in place.items() if on_bottom(parts[0][0], box) and name in wanted)
        tips = [head[2] for head in heads]
        found[parent] = [name for tip in tips for name, box in place.items() if on_top(tip, box)]
        assert connected(parts)
        ends = [part[-1] for part in parts]
        assert all(any(abs(x - a) < 0.11 and abs(y - 6 - b) < 0.11 for a, b in ends) for x, y in tips)
    assert {p: sorted(c) for p, c in found.items()} == {p: sorted(c) for p, c in wanted.items()}


def heads_of(plot):
    """The lines of each style with their arrow heads, tree by tree."""
    for kind in plot.lines:
        if kind.startswith("link"):
            for i, heads in enumerate(plot.lines[kind.replace("link", "head")]):
                yield kind, i, heads


def on_top(point, box):
    return abs(point[1] - box.top) < 0.11 and box.left < point[0] < box.right


def on_bottom(point, box):
    return abs(point[1] - box.bottom) < 0.11 and box.left < point[0] < box.right


def along(one, other):
    """Whether two pieces lie on each other over some length."""
    for axis in (0, 1):
        flat = {p[axis] for p in (*one, *other)}
        if max(flat) - min(flat) < 0.05:
            ends = [sorted(p[1 - axis] for p in piece) for piece in (one, other)]
            return min(ends[0][1], ends[1][1]) - max(ends[0][0], ends[1][0]) > 0.15
    return False


def connected(parts):
    """Whether the pieces hang together, an end of one on another."""
    reached, waiting = [parts[0]], list(parts[1:])
    while True:
        near = [p for p in waiting if any(touch(p, q) for q in reached)]
        if not near:
            return not waiting
        reached += near
        waiting = [p for p in waiting if p not in near]


def touch(one, other):
    crossing = ((one[0][0], other[0][1]), (other[0][0], one[0][1]))  # of a vertical and a horizontal piece
    return any(on(p, one) and on(p, other) for p in (*one, *other, *crossing))


def on(point, piece):
    (left, right), (top, bottom) = sorted((piece[0][0], piece[1][0])), sorted((piece[0][1], piece[1][1]))
    return left - 0.11 <= point[0] <= right + 0.11 and top - 0.11 <= point[1] <= bottom + 0.11


@SHIPPED
def test_no_line_of_a_shipped_network_crosses_a_box_or_words(name):
    grounds = shipped(name)
    plot = network(grounds)

    assert_no_words_meet(plot)
    assert_links_hold(plot, grounds.nodes)
    assert plot.width <= 820


@SHIPPED
def test_no_state_or_quantity_of_a_shipped_network_is_cut(name):
    plot = network(shipped(name))

    assert not [word for word in plot.words if word.endswith("…")]


@SLOW_TO_DRAW
@given(networks())
def test_no_line_of_any_network_crosses_a_box_or_words_and_every_link_is_drawn(nodes):
    plot = network(replace(GROUNDS, nodes=nodes))

    assert len(plot.named(*NODE_BOXES)) == len(nodes) + 3
    assert_no_words_meet(plot)
    assert_links_hold(plot, nodes)


def test_no_line_of_a_crowded_network_crosses_a_box_or_words():
    chance = random.Random(5)  # noqa: S311 (no secret)
    names = [f"quantity_{i}" for i in range(40)]
    parents = [tuple(chance.sample(names[:i], min(i, 3))) for i in range(40)]
    nodes = tuple(replace(named(name), parents=of) for name, of in zip(names, parents, strict=True))
    plot = network(replace(GROUNDS, nodes=nodes, target=names[0]))

    assert_no_words_meet(plot)
    assert_links_hold(plot, nodes)


def test_links_that_run_in_a_circle_are_counted_and_not_drawn():
    circle = tuple(replace(n, parents=("b" if n.name == "a" else "a",)) for n in map(named, "ab"))
    grounds = replace(GROUNDS, nodes=circle)

    assert network_drawing(grounds, "N1")[1] == 1
    assert len(segments(network(grounds), {"link"})) > 0


def named(name):
    return NetworkNode(name, "", (), {"no": 0.25, "yes": 0.75})


@SLOW_TO_DRAW
@given(any_grounds(), SHARES)
@example(replace(GROUNDS, posterior=math.inf, prior=-math.inf, interval=(1.0, 1.0), sways=()), 1.0)
@example(replace(GROUNDS, posterior=-math.inf, interval=(0.0, 0.0), together=math.nan), 0.0)
def test_any_grounds_give_well_formed_pictures_in_which_no_words_meet(grounds, risk):
    for plot in all_plots(grounds, risk):
        assert_no_words_meet(plot)
        assert all(box.left >= 0 and box.right <= plot.width + 0.1 for box in plot.boxes)


def test_the_same_decision_gives_the_same_page():
    assert report_html(fused()) == report_html(fused()) == report_html(loads(dumps(fused())))


def test_each_state_has_its_probability_in_words_and_in_length():
    plot = network(GROUNDS)
    bars, rails = plot.named("bar"), plot.named("rail")
    shares = [p for node in GROUNDS.nodes for p in node.posterior.values()]
    written = [p for node in GROUNDS.nodes if len(node.posterior) <= 4 for p in node.posterior.values()]
    said = [word for word in plot.words if word.endswith(" %") and word[0] in "0123456789<>"]

    assert len(bars) == len(shares)
    for words, p in zip(said, written, strict=True):
        value, half = number_of(words)
        assert abs(value - p) <= half
    for bar, p in zip(bars[5:], shares[5:], strict=True):
        assert (bar.right - bar.left) / (rails[-1].right - rails[-1].left) == pytest.approx(p, abs=0.001)
    highest = max(bar.bottom - bar.top for bar in bars[:5])
    for bar, p in zip(bars[:5], shares[:5], strict=True):
        assert (bar.bottom - bar.top) / highest == pytest.approx(p / 0.7, abs=0.01)
    assert "about 9 mm 70.0 %" in plot.words


def test_told_asked_and_inferred_quantities_differ_in_more_than_colour():
    plot = network(GROUNDS)

    assert [box.kind for box in plot.named(*NODE_BOXES)][:6] == [
        "told",
        "asked",
        "told",
        "told",
        "inferred",
        "inferred",
    ]
    assert len(plot.named("mark")) == 3 + 1
    assert len(plot.named("inner")) == 1 + 1


def risk_axis(plot, of):
    """What risk stands at an x, from the two outermost numbers below the axis; ``of`` makes steps even."""
    bottom = max(text.bottom for text in plot.texts)
    ticks = [t for t in plot.texts if t.kind == "quiet" and t.text.endswith(" %") and t.bottom == bottom]
    places = [((t.left + t.right) / 2, of(number_of(t.text)[0])) for t in ticks]
    (x0, v0), (x1, v1) = places[0], places[-1]
    for x, v in places:
        assert v == pytest.approx(v0 + (v1 - v0) * (x - x0) / (x1 - x0), abs=0.01 * abs(v1 - v0))
    return lambda x: v0 + (v1 - v0) * (x - x0) / (x1 - x0)


def logit(p):
    return math.log(p / (1 - p))


@pytest.mark.parametrize(
    ("ends", "risk", "of"),
    [
        ([(0.031, 0.088), (0.045, 0.061)], 0.0522, float),
        ([(0.0001, 0.02), (0.0005, 0.001)], 0.0007, math.log),
        ([(0.9, 0.999), (0.97, 0.99)], 0.98, lambda p: -math.log(1 - p)),
        ([(0.2, 0.9), (0.4, 0.6)], 0.5, float),
    ],
)
def test_the_bars_of_the_tornado_stand_where_their_numbers_say(ends, risk, of):
    sways = tuple(replace(GROUNDS.sways[0], low=low, high=high) for low, high in ends)
    plot = tornado(replace(GROUNDS, sways=sways, interval=ends[0]), risk)
    at = risk_axis(plot, of)
    span = of(ends[0][1]) - of(ends[0][0])

    for bar, (low, high) in zip(plot.named("whole", "sway"), [ends[0], *ends], strict=True):
        assert at(bar.left) == pytest.approx(of(low), abs=0.01 * span)
        assert at(bar.right) == pytest.approx(of(high), abs=0.01 * span)
        beside = [
            t
            for t in plot.texts
            if t.top < (bar.top + bar.bottom) / 2 < t.bottom and t.left > 320 and t.kind == "words"
        ]
        for words, p in zip(sorted(beside, key=lambda t: t.left), (low, high), strict=True):
            value, half = number_of(words.text)
            assert abs(value - p) <= half
    now = segments(plot, {"now"})[0][2]
    assert at(now[0]) == pytest.approx(of(risk), abs=0.01 * span)


def test_the_tornado_names_each_number_with_its_range():
    words = tornado(GROUNDS, 0.0522).words

    assert "Nodule = malignant: effect of size" in words
    assert "−6.5 to −4.3, now −5.38" in words or "−6.5 to −4.3, now −5.39" in words
    assert "Smoking = former, given nodule = malignant" in words
    assert "0.4 to 0.7, now 0.53" in words
    assert "All numbers together, 90 % of draws" in words
    assert "now 5.2 %" in words


def test_the_steps_lead_from_the_prior_to_the_posterior():
    plot = pushes(GROUNDS)
    at = risk_axis(plot, logit)
    steps = [box for box in plot.boxes if box.kind in {"for", "against", "both", "sum"}]
    places = [-3.9, -2.5, -2.8, -2.78, -2.9]

    assert [box.kind for box in steps] == ["sum", "for", "against", "for", "both", "sum"]
    for box, (a, b) in zip(steps[1:-1], pairwise(places), strict=True):
        assert [at(box.left), at(box.right)] == pytest.approx(sorted((a, b)), abs=0.02)
    assert at((steps[0].left + steps[0].right) / 2) == pytest.approx(-3.9, abs=0.01)
    assert at((steps[-1].left + steps[-1].right) / 2) == pytest.approx(-2.9, abs=0.01)


def test_the_steps_say_their_numbers_and_mark_what_interacts():
    words = pushes(GROUNDS).words

    assert words[words.index("Before any evidence") + 1] == "2.0 %"
    assert words[words.index("With all of it") + 1] == "5.2 %"
    assert "Size: uncertain, by its probabilities*" in words
    assert "+1.40, odds × 4.1; alone +1.30" in words
    assert "Margin: smooth or other" in words
    assert "−0.30, odds × 0.74" in words


def test_what_proves_or_excludes_runs_past_the_axis_and_has_no_number():
    proof = (Push("margin", "smooth", math.inf, math.inf, False), Push("smoking", "former", 0.5, 0.5, False))
    plot = pushes(replace(GROUNDS, pushes=proof, posterior=math.inf, together=0.0))
    axis = segments(plot, {"axis"})[0]
    first, second = (box for box in plot.boxes if box.kind == "for")

    assert "+∞, makes it certain" in plot.words
    assert "100 %" in plot.words
    assert first.right > axis[3][0]
    assert len(plot.lines["tip for"]) == 1
    assert second.right - second.left == pytest.approx(1.0)


def test_hostile_words_stay_words():
    held = fused()
    lung = held.decision.guidelines[0]
    found = lung.findings[0]
    node = NetworkNode(HOSTILE, HOSTILE, (HOSTILE,), {HOSTILE: 0.5, "no": 0.5}, HOSTILE)
    why = replace(
        GROUNDS,
        target=HOSTILE,
        pushes=(Push(HOSTILE, HOSTILE, 1.0, 2.0, True),),
        turns=(Turn(HOSTILE, HOSTILE, 0.5, 0.5, (HOSTILE,)),),
        gaps=(Gap(HOSTILE, 0.5, 0.5),),
        sways=(Sway(HOSTILE, HOSTILE, 1.0, 0.0, 2.0, 0.1, 0.2),),
        nodes=(node, *GROUNDS.nodes),
    )
    risk = replace(
        found.risk,
        model=HOSTILE,
        grounds=why,
        missing=(HOSTILE,),
        why=HOSTILE,
        domain=HOSTILE,
        contradictions=(HOSTILE,),
    )
    finding = replace(found.finding, tracking_id=HOSTILE)
    lung = replace(lung, findings=(replace(found, finding=finding, risk=risk),))
    case = replace(held.record.case, findings=(finding,))
    held = Assessment(replace(held.decision, guidelines=(lung,)), replace(held.record, case=case))
    html = report_html(held)

    assert_safe(Page(html), html)
    assert "<script" not in html
    for part in html.split("<svg")[1:]:
        Plot(f"<svg{part.split('</svg>')[0]}</svg>")


def test_pictures_are_open_for_the_finding_that_decides_alone():
    page = Page(report_html(fused()))

    assert [("open" in attrs) for attrs in page.all("details")] == [True, False]
    assert len([svg for svg in page.all("svg") if svg["aria-labelledby"].startswith("risk-")]) == 6


def test_a_finding_whose_category_is_not_the_exams_does_not_decide():
    held = fused()
    lung = held.decision.guidelines[0]
    lung = replace(lung, exam=replace(lung.exam, category="3"))
    page = Page(report_html(replace(held, decision=replace(held.decision, guidelines=(lung,)))))

    assert [("open" in attrs) for attrs in page.all("details")] == [False, True]


def test_each_picture_has_a_name_and_words_of_its_own_for_who_cannot_see_it():
    html = report_html(fused())
    page = Page(html)
    ids = [attrs["id"] for tag in ("title", "desc") for attrs in page.all(tag) if "id" in attrs]

    assert len(ids) == len(set(ids)) == 2 * len(page.all("svg")) >= 12
    for attrs in page.all("svg"):
        assert attrs["role"] == "img"
        assert {attrs["aria-labelledby"], attrs["aria-describedby"]} <= set(ids)
    assert "margin smooth 56.0 %, told: smooth or other" in page.text
    assert "Margin: smooth or other: −0.30" in html


def test_every_percentage_in_the_pictures_is_one_of_the_decision():
    """Numbers on axes apart."""
    held = [*numbers(json.loads(dumps(fused()))["decision"]), 1 / (1 + math.exp(3.9)), 1 / (1 + math.exp(2.9))]
    for plot in all_plots(GROUNDS, 0.0522):
        for text in plot.texts:
            if " %" in text.text and text.kind != "quiet" and text.text.endswith("%"):
                value, half = number_of(text.text)
                assert any(abs(value - p) <= half for p in held), text


def numbers(value):
    if isinstance(value, dict | list):
        return [n for part in (value.values() if isinstance(value, dict) else value) for n in numbers(part)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_the_page_stays_small_with_many_findings():
    grown = len(report_html(fused())) - len(report_html(one_lesion(fused())))

    assert grown < 60_000


def one_lesion(held):
    lung = held.decision.guidelines[0]
    lung = replace(lung, findings=lung.findings[:1])
    return replace(held, decision=replace(held.decision, guidelines=(lung,)))
