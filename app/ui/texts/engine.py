"""What the window says about the inference engine: what was asked and what was got. No Qt."""

from __future__ import annotations

from app.restorers.base import EngineInfo
from app.ui.style.formatting import count


def provider_name(provider: str) -> str:
    """`CPU` for ONNX Runtime's `CPUExecutionProvider`."""
    return provider.removesuffix("ExecutionProvider") or "unknown"


def engine_line(info: EngineInfo) -> str:
    """One line: `NETWORK · INT8 · CPU · 2 threads`; a provider that was not got is named."""
    got, asked = provider_name(info.provider_got), provider_name(info.provider_asked)
    provider = got if got == asked else f"{got}, {asked} was asked"
    return f"{info.restorer} · {info.precision.upper()} · {provider} · {count(info.threads, 'thread', 'threads')}"


def engine_sentence(info: EngineInfo) -> str:
    """Two sentences for the panel and the tooltip."""
    got, asked = provider_name(info.provider_got), provider_name(info.provider_asked)
    provider = f"{got} was asked and got." if got == asked else f"{asked} was asked, but {got} is what runs."
    sentence = f"{provider} {info.precision.upper()} on {count(info.threads, 'thread', 'threads')}."
    if info.compared:
        figures = (f"{title} {f'{ms:.1f} ms' if ms is not None else 'not usable'}" for title, ms in info.compared)
        sentence += f" A cycle: {', '.join(figures)}."
    if len(info.nodes) > 1:
        sentence += f" Nodes: {', '.join(f'{provider_name(name)} {nodes}' for name, nodes in info.nodes)}."
    return sentence
