"""The report: one HTML file that holds the answer, its figures and how it was done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree

import httpx
import pytest
from serving import serving

SPEC = {
    "name": "<b>a name</b>",
    "task": "digits",
    "arms": ["fixed", "cosine", "triangular2"],
    "budget": {"iterations": 60},
    "range_test": {"iterations": 360},
    "trials": 3,
    "confirm_seeds": 3,
    "target": 0.3,
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("report"), workers=1) as client:
        study = client.submit(SPEC)
        assert study.wait(poll=0.2, timeout=90).state == "done"
        response = httpx.get(f"{client.url}/v1/studies/{study.id}/report", trust_env=False, timeout=60)
        missing = httpx.get(f"{client.url}/v1/studies/s-nobody/report", trust_env=False)
        assert missing.status_code == 404 and missing.headers["content-type"] == "application/problem+json"
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/html")
    (tmp_path_factory.getbasetemp() / "report.html").write_text(response.text)
    yield response.text


def test_it_begins_with_action_and_sentence_and_names_every_arm(report: str) -> None:
    body = report[report.index("<body>") :]

    assert body.index('class="action"') < body.index('class="verdict"') < body.index("<table>") < body.index("<svg")
    named = ("fixed", "cosine", "triangular2", "Ledger", "Confirm seeds", "torch", "Iterations to the target")
    assert all(name in body for name in named)


def test_it_counts_the_compared_runs_of_each_arm_by_kind_of_device(report: str) -> None:
    (counted,) = re.findall(r"<dt>Confirmed on</dt><dd>(.*?)</dd>", report)

    assert sorted(counted.split("; ")) == ["cosine: 3 on cpu", "fixed: 3 on cpu", "triangular2: 3 on cpu"]


def test_it_says_how_the_arms_were_trained_and_shows_a_snippet_without_clr(report: str) -> None:
    assert "mlp on digits, sgd (momentum 0.9), batch 64, 60 iterations" in report
    assert "3 trials (tpe), 3 seeds an arm" in report and "(answer confirmed)" in report
    snippet = report.partition("ready to paste")[2].partition("</pre>")[0]
    assert "torch.optim.SGD" in snippet and "import clr" not in snippet and "from clr" not in snippet


def test_it_needs_nothing_from_elsewhere_and_is_small(report: str) -> None:
    assert not re.search(r"""(src|href)=["'](?!#)""", report.replace("xlink:href", "href"))
    assert "<script" not in report and "@import" not in report and "url(http" not in report
    assert len(report.encode()) < 2_000_000


def test_every_figure_is_whole_and_no_identifier_stands_twice(report: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", report, flags=re.S)

    assert len(figures) == 7
    for figure in figures:
        ElementTree.fromstring(figure)
    identifiers = re.findall(r'id="([^"]+)"', report)
    assert len(identifiers) == len(set(identifiers))


def test_it_reads_in_dark_and_in_print(report: str) -> None:
    assert "prefers-color-scheme: dark" in report and "@media print" in report
    assert report.count("currentColor") > 20, "axes and text take the page's own ink"
    assert "#010203" not in report


def test_what_a_user_wrote_is_text_and_no_markup(report: str) -> None:
    assert "<b>a name</b>" not in report
    assert "&lt;b&gt;a name&lt;/b&gt;" in report


def test_it_is_well_formed(report: str) -> None:
    class Balance(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "br"):
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    balance = Balance()
    balance.feed(report)
    assert balance.open == []
