import pytest

pytest.importorskip("torch", reason="training needs torch: pip install -r training/requirements.txt")
