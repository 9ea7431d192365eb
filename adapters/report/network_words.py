"""A network's names in words: quantities, states, what was told, which uncertain number."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from ...engine.grounds import Grounds, NetworkNode, Push
from .phrases import phrase
from .words import capital, clean, either, label, plain_words, terms

MANY: Final = 3  # states in a row from which only the ends are named
MOST_ODDS: Final = 1_000_000
LEAST_ODDS: Final = 0.001
BANDS: Final = (
    (re.compile(r"from_(?P<low>\d+)_to_(?P<high>\d+)"), "band.range"),
    (re.compile(r"from_(?P<low>\d+)"), "band.from"),
    (re.compile(r"below_(?P<low>\d+)"), "band.below"),
    (re.compile(r"about_(?P<low>\d+)"), "band.about"),
)
ALONE: Final = re.compile(
    r"(?<![\w./\[\]-])[a-z]+(?:_[a-z0-9]+)+(?![\w/\[-]|\.\w)"
)  # a name, and no part of a reference


def node_words(name: str) -> str:
    """A quantity of a network.

    >>> node_words("fdg_uptake"), node_words("pack_years")
    ('FDG uptake', 'pack-years')
    """
    return str(terms()["nodes"].get(name) or label(name))


def state_words(node: str, state: str) -> str:
    """A state of a quantity, with the unit of its band.

    >>> state_words("age", "from_60_to_65"), state_words("sex", "F"), state_words("afp", "from_400")
    ('60 to 65 years', 'female', '≥400 ng/mL')
    """
    for pattern, form in BANDS:
        if found := pattern.fullmatch(state):
            return phrase(form, unit=str(terms()["node_units"].get(node) or ""), **found.groupdict())
    return str(terms()["states"].get(state) or plain_words(node, state).replace("_", " "))


def told_words(node: str, told: str) -> str:
    """What was told of a quantity: a state, several, or that it is uncertain."""
    return either(state_words(node, state) for state in told.split(" or "))


def push_words(push: Push) -> str:
    """One piece of evidence."""
    return phrase("risk.told", quantity=node_words(push.node), told=told_words(push.node, push.told))


def entry_words(entry: str, node: str, nodes: Mapping[str, NetworkNode]) -> str:
    """One number of a network's tables: of what, and given what.

    >>> entry_words("copd=present | emphysema=absent", "copd", {})
    'COPD = present, given emphysema = absent'
    >>> entry_words("smoking=former: malignancy=malignant (term 1)", "smoking", {})
    'Smoking = former: effect of nodule = malignant'
    >>> entry_words("present: intercept", "asbestos", {})
    'Asbestos = present: log-odds at the outset'
    """
    subject, _, given = entry.partition(" | ")
    first, _, second = subject.partition(": ")
    first = first if "=" in first or first == node else f"{node}={first}"
    said = _states_said(first, nodes)
    if second == "intercept":
        said = phrase("entry.intercept", said=said)
    elif second:
        said = phrase("entry.effect", said=said, of=_states_said(re.sub(r" [(]term [0-9]+[)]$", "", second), nodes))
    elif not given:
        said = phrase("entry.outset", said=said)
    return capital(phrase("entry.given", said=said, given=_states_said(given, nodes)) if given else said)


def _states_said(text: str, nodes: Mapping[str, NetworkNode]) -> str:
    return ", ".join(_one_said(part, nodes) for part in text.split(", "))


def _one_said(text: str, nodes: Mapping[str, NetworkNode]) -> str:
    """``node=state/state`` or a name alone; a run of many states by its ends."""
    name, equals, states = text.partition("=")
    if not equals:
        return node_words(name)
    chosen = states.removesuffix(" alone").split("/")
    if len(chosen) > MANY and _in_a_row(chosen, nodes.get(name)):
        words = phrase("entry.run", first=state_words(name, chosen[0]), last=state_words(name, chosen[-1]))
    else:
        words = either(state_words(name, state) for state in chosen)
    said = phrase("entry.states", quantity=node_words(name), states=words)
    return phrase("entry.alone", said=said) if states.endswith(" alone") else said


def _in_a_row(chosen: Sequence[str], node: NetworkNode | None) -> bool:
    held = [*node.posterior] if node else []
    start = held.index(chosen[0]) if chosen[0] in held else len(held)
    return held[start : start + len(chosen)] == [*chosen]


def named(text: str) -> str:
    """A sentence of the engine with the names in it as words; references stay as they are.

    >>> named("calcium_or_fat: long_mm says otherwise (findings.json nodules[0].long_mm)")
    'calcification or fat: long axis says otherwise (findings.json nodules[0].long_mm)'
    """
    return ALONE.sub(lambda found: node_words(found[0]), clean(text))


def by_name(grounds: Grounds) -> dict[str, NetworkNode]:
    """The nodes by name."""
    return {node.name: node for node in grounds.nodes}


def shown(push: Push) -> float:
    """What counts of a piece: what it adds with all others there where they interact, else by itself."""
    return push.left_out if push.interacts else push.alone


def odds_words(log_odds: float) -> str:
    """What a step in log-odds does.

    >>> odds_words(1.36), odds_words(-0.15), odds_words(-math.inf)
    ('odds × 3.9', 'odds × 0.86', 'rules it out')
    """
    if math.isfinite(log_odds):
        return phrase("odds.times", factor=_factor(log_odds))
    return phrase("odds.undefined" if math.isnan(log_odds) else "odds.certain" if log_odds > 0 else "odds.excluded")


def factor_words(log_odds: float) -> str:
    """The same in few words, after odds were named.

    >>> factor_words(1.36), factor_words(math.inf)
    ('× 3.9', 'makes it certain')
    """
    return phrase("odds.alone", factor=_factor(log_odds)) if math.isfinite(log_odds) else odds_words(log_odds)


def _factor(log_odds: float) -> str:
    factor = math.exp(min(max(log_odds, -50.0), 50.0))
    if factor > MOST_ODDS:
        return phrase("odds.more", factor=f"{MOST_ODDS:,}")
    if factor < LEAST_ODDS:
        return phrase("odds.less", factor=f"{LEAST_ODDS:g}")
    decimals = 0 if factor >= 10 else 1 if factor >= 1.05 else 2 if factor >= 0.095 else 3
    return f"{factor:.{decimals}f}"


def signed(log_odds: float) -> str:
    """Log-odds with their sign.

    >>> signed(1.3606), signed(-0.004), signed(math.inf)
    ('+1.36', '−0.00', '+∞')
    """
    if math.isnan(log_odds):
        return phrase("odds.undefined")
    size = "∞" if math.isinf(log_odds) else f"{abs(log_odds):.2f}"
    return f"{'−' if log_odds < 0 else '+'}{size}"
