"""The window's texts about the inference engine: the provider requested and the one in use. No Qt."""

from __future__ import annotations

from app.core.words import Phrase, joined, phrase, phrase_n
from app.restorers.base import EngineInfo, provider_name
from app.ui.style.formatting import milliseconds


def engine_line(info: EngineInfo) -> Phrase:
    """One line: `NETWORK · INT8 · CPU · 2 threads`; a requested provider that is not in use is named."""
    got, asked = provider_name(info.provider_got), provider_name(info.provider_asked)
    provider = got if got == asked else phrase("{got}, {asked} not available", got=got, asked=asked)
    return joined((info.restorer, info.precision.upper(), provider, _threads(info)), " · ")


def engine_sentence(info: EngineInfo) -> Phrase:
    """A few sentences for the panel and the tooltip."""
    sentences = [
        phrase("Using {provider}.", provider=provider_name(info.provider_got)) if info.as_asked else info.replaced,
        phrase("{precision} on {threads}.", precision=info.precision.upper(), threads=_threads(info)),
    ]
    if info.compared:
        figures = [
            joined((title, milliseconds(ms) if ms is not None else phrase("not usable")), " ")
            for title, ms in info.compared
        ]
        sentences.append(phrase("A cycle: {figures}.", figures=joined(figures)))
    if len(info.nodes) > 1:
        nodes = [joined((provider_name(name), str(count)), " ") for name, count in info.nodes]
        sentences.append(phrase("Nodes: {nodes}.", nodes=joined(nodes)))
    return joined(sentences, " ")


def _threads(info: EngineInfo) -> Phrase:
    return phrase_n("{n} thread", "{n} threads", info.threads)
