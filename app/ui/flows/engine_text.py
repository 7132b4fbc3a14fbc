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
    return f"{provider} {info.precision.upper()} on {count(info.threads, 'thread', 'threads')}."
