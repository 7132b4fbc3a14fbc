"""How long a lost source waits for its next attempt."""

from __future__ import annotations

from app.pipeline.capture.status import ReconnectPolicy


def test_waiting_grows_and_has_a_limit() -> None:
    policy = ReconnectPolicy(first_s=0.5, factor=2.0, longest_s=8.0)
    assert [policy.delay_s(failures) for failures in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert policy.delay_s(10_000) == 8.0
