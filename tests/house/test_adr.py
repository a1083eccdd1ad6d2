"""The decisions' index and pages agree, and each page has what a reader looks for."""

import re
from pathlib import Path

import pytest
from citations import missing_tests

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "adr"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))
PARTS = ["Context", "Decision", "Consequences", "Alternatives", "Measured", "Held by"]


def test_the_index_lists_every_page_by_number_and_title() -> None:
    listed = re.findall(r"^\| (\d+) \| \[(.+?)\]\((.+?)\) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    titled = [re.match(r"# (\d+)\. (.+)\n", page.read_text()) for page in PAGES]

    assert listed == [(title[1], title[2], page.name) for page, title in zip(PAGES, titled, strict=True) if title]
    assert [int(number) for number, _, _ in listed] == list(range(1, len(PAGES) + 1))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short_and_whole(page: Path) -> None:
    text = page.read_text()

    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert len(text.splitlines()) <= 40
    assert page.name.startswith(f"{int(text[2 : text.index('.')]):04}-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_is_held_by_tests_that_exist(page: Path) -> None:
    held = page.read_text().partition("## Held by")[2]

    assert "::" in held and missing_tests(held) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (FOLDER / link).exists(), link
