"""The page of adapters shows what the code prints."""

from pathlib import Path

import pytest

from clr import snippets
from clr.schedules import OneCycle

PAGE = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text()


@pytest.mark.parametrize("kind", snippets.KINDS)
def test_the_page_shows_each_snippet_as_it_is_printed(kind: str) -> None:
    text = snippets.snippet(OneCycle(max_lr=0.1, iterations=1000), kind).rstrip()

    assert f"```{'json' if kind == 'json' else 'python'}\n{text}\n```" in PAGE
