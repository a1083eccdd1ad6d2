"""The report: one HTML file that holds the answer, its figures and how it was done."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree

import httpx
import pytest
from serving import serving

from clr.resources import Bounds, Share, TargetRatio
from service import report as report_page

SPEC = {
    "name": "<b>a name</b>",
    "task": "digits",
    "arms": ["fixed", "cosine", "triangular2"],
    "budget": {"iterations": 60},
    "range_test": {"iterations": 360},
    "trials": 3,
    "confirm_seeds": 3,
    "target": 0.3,
    "lengths": [0.5, 1.0],
    "final_seeds": 2,
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


def test_before_the_figures_stand_settings_bounds_price_and_the_command_for_a_snippet(report: str) -> None:
    beginning = report[report.index("<body>") : report.index("<svg")]

    assert "peak rate</th>" in beginning and "<dt>Trained</dt>" in beginning and "peak lr" in beginning
    assert "The price of more certainty" in beginning and "clr snippet s" in beginning


def rows(report: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    table = report.partition(f"<h3>{heading}</h3>")[2].partition("</table>")[0]
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.S) for row in table.split("</tr>")]
    return [row for row in found if row]


def test_search_best_confirmed_and_shrinkage_stand_side_by_side(report: str) -> None:
    names, *arms = rows(report, "Each arm by itself")

    assert names[2:5] == ["search best (validation)", "confirmed (validation)", "shrinkage"]
    assert names[6] == "one new run, 95 %"
    for arm in arms:
        assert float(arm[2]) - float(arm[3]) == pytest.approx(float(arm[4]), abs=0.011)
        assert re.fullmatch(r"[\d.]+ to [\d.]+", arm[6]) and arm[7] == "0 of 3 (0 to 71 %)"
    assert re.search(r"on 2 final seeds, which the choice never saw: [\d.]+ ", report)


def test_what_was_searched_in_each_arm_is_named(report: str) -> None:
    searched = {row[0]: row[1] for row in rows(report, "Each arm by itself")[1:]}

    assert searched == {"fixed": "peak_lr", "cosine": "peak_lr, ratio", "triangular2": "peak_lr, ratio, cycles"}


def test_shorter_runs_are_set_against_the_baselines_whole_ones(report: str) -> None:
    _, *runs = rows(report, "At shorter lengths")

    assert [row[0] for row in runs] == ["30"] * 3 + ["60"] * 3
    assert all(re.fullmatch(r"[+-][\d.]+ to [+-][\d.]+", row[5]) for row in runs[:3])
    assert all(row[4:] == ["–", "–"] for row in runs[3:])


def test_iterations_to_the_target_come_with_ratio_and_what_a_number_is_exact_to(report: str) -> None:
    names, *arms = rows(report, "Iterations to the target")

    assert names[4:6] == ["judged every", "ratio to fixed, 95 %"]
    ratios = {arm[0]: arm[5] for arm in arms}
    assert ratios["fixed"] == "–" and re.fullmatch(r"\d\.\d\d \(.*\).*", ratios["cosine"])


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

    assert len(figures) == 8
    for figure in figures:
        ElementTree.fromstring(figure)
    identifiers = re.findall(r'id="([^"]+)"', report)
    assert len(identifiers) == len(set(identifiers))


def test_peak_rates_are_written_as_numbers_that_do_not_overlap(report: str) -> None:
    figure = report.partition('id="figure-peak-rates"')[2].partition("</svg>")[0]

    rates = [float(text) for text in re.findall(r">(\d*\.?\d+)</text>", figure) if float(text) < 10]
    assert len(rates) >= 4 and all(f"{rate:e}"[0] in "125" for rate in rates)
    assert "tspan" not in figure, "powers of ten would be written in parts"


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


def test_a_restricted_ratio_is_named_as_what_it_is() -> None:
    share = Share(count=3, of=5, interval=Bounds(low=0.147, high=0.947, level=0.95))
    made = TargetRatio(
        kind="within the budget",
        ratio=0.62,
        interval=Bounds(low=0.45, high=0.85, level=0.95),
        reached=share,
        baseline_reached=share,
        note="",
    )

    assert report_page._ratio(made) == "0.62 (0.45 to 0.85), within the budget"
    assert report_page._ratio(made.model_copy(update={"kind": "not reached", "ratio": None})) == "not reached"
    assert doctest.testmod(report_page) == (0, 1)
