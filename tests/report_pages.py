"""Reading a report as a person's program would: the page by html.parser, the text by its headings."""

from dataclasses import fields, is_dataclass
from html.parser import HTMLParser

from radlogic.adapters.report.rendering import PLAIN

VOID = {"meta", "img"}
WORDS = "html head title style body header main section article footer h1 h2 h3 p strong span small cite time"
LISTS = "dl div dt dd ul li figure figcaption table thead tbody tr th td"
TAGS = VOID | set(f"{WORDS} {LISTS}".split(" "))
LOADS = {"src", "href", "srcset", "action", "data", "poster", "background", "formaction", "ping"}
TITLES = [
    "Indication", "Technique", "Comparison", "Findings", "Impression", "What is uncertain, and why",
    "What the guideline does not say", "Reasons", "Risk by published models", "Unconfirmed neural findings",
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
        hidden = {"name", "lesion", "flags"}  # anchors, ties, and marks that are words on the page alone
        return [t for f in fields(value) if f.name not in hidden for t in statements(getattr(value, f.name))]
    return [text for each in value for text in statements(each)]


def assert_safe(page, html):
    """No script, no handler, nothing loaded from elsewhere, no tag that the template does not have."""
    assert {tag for tag, _ in page.elements} <= TAGS
    for _, attrs in page.elements:
        assert not any(name.startswith("on") for name in attrs)
        assert all(attrs[name].startswith("data:image/png;base64,") for name in LOADS & set(attrs))
    style = html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
