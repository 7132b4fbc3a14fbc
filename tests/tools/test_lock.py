"""The lock files install whatever has been released since they were written."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lock import LOCKS, ROOT


@pytest.mark.parametrize("lock", LOCKS)
def test_a_line_names_the_extras_that_other_packages_ask_for(lock: str) -> None:
    lines = (ROOT / Path(lock)).read_text(encoding="utf-8").splitlines()
    pinned = {
        canonicalize_name(requirement.name): requirement
        for requirement in (Requirement(line.rstrip(" \\")) for line in lines if "==" in line and line[0].isalnum())
    }
    assert pinned
    for distribution in metadata.distributions():
        for text in distribution.requires or ():
            needed = Requirement(text)
            wanted = needed.marker is None or needed.marker.evaluate({"extra": ""})
            if wanted and canonicalize_name(needed.name) in pinned:
                assert needed.extras <= pinned[canonicalize_name(needed.name)].extras, (distribution.name, text)
