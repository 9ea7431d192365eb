"""A network with its posteriors as a picture: a box for each quantity, an arrow from each cause to each sign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...engine.grounds import Grounds, NetworkNode
from .drawing import LINE, Box, Drawing, Lines, Point, Shape, Words, folded, width_of, words
from .network_layout import ARROW, Layout, laid_out
from .network_words import node_words, state_words, told_words
from .phrases import phrase
from .words import capital, clean, percent

BOX: Final = 174.0
PAD: Final = 8.0
INNER: Final = BOX - 2 * PAD
DOT: Final = 7.0  # the mark of what was told
STATE: Final = 18.0  # height of a state with its bar
MOST_ROWS: Final = 4  # states that are written out; more are drawn as columns
COLUMNS: Final = 30.0  # height of the columns of a quantity with many states
STYLES: Final = 6  # of lines; the sheet gives each its colour and dashes
KEY: Final = 34.0
TITLE_LINES: Final = 2
EXACT: Final = 12  # decimals


def network_drawing(grounds: Grounds, finding: str) -> tuple[Drawing, int]:
    """The network of one finding: every quantity with the probability of each of its states.

    Also how many links are left out, as they are part of a circle; a network has none.
    """
    nodes = tuple({node.name: node for node in grounds.nodes}.values())
    layout = laid_out(nodes, {n.name: _height(n) for n in nodes}, BOX)
    shapes = [*_links(grounds, layout)]
    for node in nodes:
        shapes += _box(node, layout.corners[node.name], node.name == grounds.target)
    shapes += _key(layout)
    said = "; ".join(map(_said, nodes))
    description = phrase("network.describes", number=str(len(nodes)), said=said)
    title = phrase("network.title", finding=finding)
    return Drawing(layout.width, layout.height + KEY, title, description, tuple(shapes)), layout.left_out


def share(p: float) -> str:
    """A probability in percent; what a sum of floating numbers misses to 1 is not told.

    >>> share(1 - 2e-16), share(0.9999)
    ('100.0 %', '>99.9 %')
    """
    return percent(round(p, EXACT))


def _said(node: NetworkNode) -> str:
    told = told_words(node.name, node.told) if node.told else ""
    return phrase("network.one", quantity=node_words(node.name), likeliest=_likeliest(node), told=told)


def _likeliest(node: NetworkNode) -> str:
    if not node.posterior:
        return phrase("network.no_states")
    state = max(node.posterior, key=lambda s: node.posterior[s])
    words, probability = state_words(node.name, state), share(node.posterior[state])
    return phrase("network.likeliest", state=words, probability=probability)


def _title(node: NetworkNode) -> tuple[str, ...]:
    room = INNER - (DOT + 4 if node.told else 0)
    return folded(clean(capital(node_words(node.name))), room, TITLE_LINES, bold=True)


def _height(node: NetworkNode) -> float:
    body = COLUMNS + LINE + 5 if len(node.posterior) > MOST_ROWS else STATE * len(node.posterior)
    return 6 + LINE * len(_title(node)) + body + 5


def _box(node: NetworkNode, corner: Point, asked: bool) -> Iterator[Shape]:
    x, y = corner
    height = _height(node)
    yield Box(x, y, BOX, height, "asked" if asked else "told" if node.told else "inferred")
    if asked:
        yield Box(x + 3, y + 3, BOX - 6, height - 6, "inner")
    left = x + PAD
    if node.told:
        yield Box(left, y + 8, DOT, DOT, "mark")
        left += DOT + 4
    title = _title(node)
    for i, line in enumerate(title):
        cut = clean(capital(node_words(node.name))) if i == len(title) - 1 and line.endswith("…") else ""
        yield Words(left, y + 4 + LINE * (i + 0.85), line, "title", full=cut)
    below = y + 6 + LINE * len(title)
    yield from (_columns if len(node.posterior) > MOST_ROWS else _rows)(node, x + PAD, below)


def _rows(node: NetworkNode, x: float, y: float) -> Iterator[Shape]:
    """Each state with its probability, and a bar below of that share of the width."""
    for i, (state, p) in enumerate(node.posterior.items()):
        top, said = y + STATE * i, share(p)
        yield words(x, top + 10, state_words(node.name, state), INNER - width_of(said) - 4)
        yield Words(x + INNER, top + 10, said, "words", "end")
        yield Box(x, top + 13.5, INNER, 3, "rail")
        yield Box(x, top + 13.5, INNER * _part(p), 3, "bar")


def _columns(node: NetworkNode, x: float, y: float) -> Iterator[Shape]:
    """A column for each state, as high as it is probable; below, the most probable state in words."""
    step, base = INNER / len(node.posterior), y + COLUMNS
    for i, p in enumerate(node.posterior.values()):
        high = (COLUMNS - 2) * _part(p)
        yield Box(x + i * step, base - high, max(step - 1.5, 0.5), high, "bar")
    yield Box(x, base, INNER, 1, "rail")
    yield words(x, base + 12, _likeliest(node), INNER)


def _part(p: float) -> float:
    return min(max(0.0, p), 1.0)


def _links(grounds: Grounds, layout: Layout) -> Iterator[Shape]:
    """The lines of each parent in a style of its own; those of the target in the first."""
    others = [name for name in layout.trees if name != grounds.target]
    for name, parts in layout.trees.items():
        style = 0 if name == grounds.target else 1 + others.index(name) % (STYLES - 1)
        yield Lines(parts, f"link s{style}")
        yield Lines(tuple(_head(tip) for tip in layout.tips[name]), f"head s{style}")


def _head(tip: Point) -> tuple[Point, ...]:
    x, y = tip
    return (x - 3.5, y - ARROW), (x + 3.5, y - ARROW), (x, y), (x - 3.5, y - ARROW)


def _key(layout: Layout) -> Iterator[Shape]:
    """What the frames mean."""
    x, y = 4.0, layout.height + 10
    for kind in ("told", "inferred", "asked"):
        text = phrase(f"network.{kind}")
        yield Box(x, y, 24, 16, kind)
        if kind == "told":
            yield Box(x + 5, y + 4.5, DOT, DOT, "mark")
        if kind == "asked":
            yield Box(x + 3, y + 3, 18, 10, "inner")
        yield Words(x + 30, y + 12, text)
        x += 30 + width_of(text) + 22
