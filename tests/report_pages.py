"""Reading a report as a person's program would: the page by html.parser, the text by its headings."""

import re
from dataclasses import dataclass, fields, is_dataclass
from html.parser import HTMLParser
from xml.etree import ElementTree

from PIL import ImageFont

from radlogic.adapters.report.rendering import PLAIN

# anchors, ties, marks that are words on the page alone, and what one of the forms leaves out
HIDDEN = {"name", "lesion", "flags", "dictated", "open", "reference", "across", "extra", "no_answer", "cite"}
VOID = {"meta", "img"}
LINKS = "a sup"
WORDS = "html head title style body header main section article footer h1 h2 h3 p strong span small cite time"
LISTS = "dl div dt dd ul li figure figcaption details summary table thead tbody tr th td"
PLOTS = "svg desc rect path text"
TAGS = VOID | set(f"{WORDS} {LISTS} {PLOTS} {LINKS}".split(" "))
LOADS = {"src", "href", "srcset", "action", "data", "poster", "background", "formaction", "ping"}
TITLES = [
    "Indication", "Technique", "Comparison", "Findings", "Impression", "What is uncertain, and why",
    "What the guideline does not say", "Reasons", "Risk, and why", "Unconfirmed neural findings",
    "Guidelines considered and not applied", "Citations", "About this draft",
]  # fmt: skip


class Page(HTMLParser):
    """A page read by the standard library: its elements, its text, and whether every element is closed."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return words_of(" ".join(self.texts))

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def words_of(text):
    """Text without line breaks, in the plain signs of the text form."""
    return " ".join("".join(PLAIN.get(sign, sign) for sign in text).split())


def part(text, title):
    """The lines of one section of the text form."""
    after = text.split(f"\n{title.upper()}\n", 1)[1]
    later = TITLES[TITLES.index(title) + 1 :]
    return after.split(f"\n{later[0].upper()}\n", 1)[0] if later else after


def statements(value):
    """Every text in a report's parts."""
    if isinstance(value, str):
        return [value]
    if is_dataclass(value):
        hidden = HIDDEN
        return [t for f in fields(value) if f.name not in hidden for t in statements(getattr(value, f.name))]
    return [text for each in value for text in statements(each)]


def assert_safe(page, html):
    """No script, no handler, nothing loaded from elsewhere, no tag that the template does not have."""
    assert {tag for tag, _ in page.elements} <= TAGS
    for _, attrs in page.elements:
        assert not any(name.startswith("on") for name in attrs)
        inside = ("data:image/png;base64,", "#reasons-")
        assert all(attrs[name].startswith(inside) for name in LOADS & set(attrs))
    style = html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Spot:
    """A rectangle of a picture, with what it is or says."""

    left: float
    top: float
    right: float
    bottom: float
    kind: str
    text: str = ""

    def meets(self, other, by=0.0):
        """Whether the two share more than an edge (or than ``by``)."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > by and down > by


class Plot:
    """An SVG read by the standard library's XML parser: texts with the boxes they fill, rectangles, lines."""

    def __init__(self, svg):
        self.root = ElementTree.fromstring(svg)  # noqa: S314 (our own)
        _, _, self.width, self.height = map(float, self.root.get("viewBox").split())
        size = float(self.root.get("font-size"))
        font = ImageFont.load_default(size=size)
        self.texts = [text_spot(element, font, size) for element in self.root.iter(f"{SVG}text")]
        self.boxes = [box_spot(element) for element in self.root.iter(f"{SVG}rect")]
        self.lines = {}
        for path in self.root.iter(f"{SVG}path"):
            self.lines.setdefault(path.get("class"), []).append(parts_of(path.get("d")))

    @property
    def words(self):
        return [spot.text for spot in self.texts]

    def named(self, *kinds):
        return [box for box in self.boxes if box.kind in kinds]


def text_spot(element, font, size):
    text, x, y = "".join(element.itertext()), float(element.get("x")), float(element.get("y"))
    own = (
        element.text or "" if len(element) == 0 else element[-1].tail or ""
    )  # a title within is shown on pointing alone
    wide = font.getlength(own)
    left = x - {None: 0.0, "middle": wide / 2, "end": wide}[element.get("text-anchor")]
    return Spot(left, y - 0.75 * size, left + wide, y + 0.2 * size, element.get("class"), own if own else text)


def box_spot(element):
    x, y, wide, high = (float(element.get(name)) for name in ("x", "y", "width", "height"))
    return Spot(x, y, x + wide, y + high, element.get("class"))


def parts_of(way):
    """The points of each part of a path of straight lines."""
    assert re.fullmatch(r"(M-?[\d.]+ -?[\d.]+(L-?[\d.]+ -?[\d.]+)*)*", way), way
    return [[tuple(map(float, point.split())) for point in part.split("L")] for part in way.split("M")[1:]]


def number_of(text):
    """The share that a percentage says, and half a unit of its last digit."""
    found = re.search(r"([\d.]+) %", text)
    decimals = len(found[1].partition(".")[2])
    return float(found[1]) / 100, 0.5000001 * 10.0 ** -(decimals + 2)
