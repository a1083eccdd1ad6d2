"""The user's commands against a real service with a real worker."""

import csv
import io
import json
import socket
import subprocess
import sys

import httpx
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from processes import wait_for
from pyarrow import parquet


@pytest.fixture(scope="module")
def finished(url, tmp_path_factory):
    """A small study on digits that a real worker has trained; its id."""
    from clr.client import Client

    spec = {
        "name": "tiny", "task": "digits", "arms": ["fixed", "cosine"], "bounds": {"low": 0.05, "high": 0.5},
        "trials": 1, "confirm_seeds": 2, "budget": {"iterations": 20},
    }  # fmt: skip
    with Client(url) as client:
        study = client.submit(spec)
        assert study.wait(poll=0.1, timeout=60).state == "done"
    return study.id


def test_submit_prints_the_id_alone_on_stdout(clr, tiny):
    done = clr("submit", tiny())

    assert done.returncode == 0
    assert done.stdout.split() == [done.stdout.strip()] and done.stdout.startswith("s")
    assert f"clr status --watch {done.stdout.strip()}" in done.stderr


def test_submit_reads_yaml_from_standard_input(clr):
    spec = "task: digits\narms: [fixed]\nbounds: {low: 1e-2, high: 1}\nbudget: {iterations: 5}\ntrials: 1\n"
    done = clr("submit", "-", "--json", input=spec)

    assert done.returncode == 0 and json.loads(done.stdout)["spec"]["bounds"] == {"low": 0.01, "high": 1.0}


def test_the_same_key_gives_the_same_study(clr, tiny):
    spec = tiny()

    first, again = (clr("submit", spec, "--key", "cli-key") for _ in range(2))
    assert first.stdout == again.stdout


def test_an_invalid_spec_lists_every_error_and_exits_with_2(clr, tiny):
    refused = clr("submit", tiny(trials=0, arms=["fixed", "circular"], colour="red"))

    assert refused.returncode == 2 and refused.stdout == ""
    for pointer in ("/trials", "/arms/1/family", "/colour"):
        assert pointer in refused.stderr


def test_watching_a_study_ends_with_it(clr, tiny):
    study = clr("submit", tiny(name="watched")).stdout.strip()

    watched = clr("status", "--watch", study)

    assert watched.returncode == 0
    assert "watched: done, 6 of 6 trials over" in watched.stdout
    assert "watched:" in watched.stderr


def test_watching_a_cancelled_study_exits_with_1(clr, tiny):
    study = clr("submit", tiny(budget={"iterations": 100_000})).stdout.strip()
    cancelled = clr("cancel", study)

    assert cancelled.returncode == 0 and "cancelled" in cancelled.stdout
    assert clr("status", study).returncode == 0
    assert clr("status", "--watch", study).returncode == 1


def test_status_without_a_study_lists_all(clr, finished):
    listed = clr("status")

    assert listed.returncode == 0
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith(finished)]
    assert "tiny" in line and "digits" in line and "done" in line and "6/6" in line
    assert finished in [study["id"] for study in json.loads(clr("status", "--json").stdout)]


def test_the_list_of_studies_is_narrowed(clr, finished):
    done = clr("status", "--state", "done", "--task", "digits", "--name", "TIN", "--json")

    assert finished in [study["id"] for study in json.loads(done.stdout)]
    assert json.loads(clr("status", "--owner", "nobody", "--json").stdout) == []
    assert clr("status", "--state", "lost").returncode == 2
    assert clr("status", finished, "--task", "digits").returncode == 2


def test_best_without_a_study_lists_the_confirmed_best_of_each(clr, finished):
    answer = json.loads(clr("best", finished, "--json").stdout)
    wait_for(lambda: finished in clr("best", "--task", "digits").stdout, "it is recorded")

    shown = clr("best", "--task", "digits", "--model", "mlp")
    rows = json.loads(clr("best", "--json").stdout)

    lines = [line for line in shown.stdout.splitlines() if line.split()[:1] == [answer["best"]["arm"]]]
    assert any(answer["action"].partition(":")[0] in line for line in lines)
    assert finished in shown.stdout  # beside it, or on a line of its own where the terminal is narrow
    assert "mlp on digits, sgd (momentum 0.9), batch 64, 20 iterations" in shown.stdout
    assert "Studies do not share seeds" in shown.stdout
    assert {row["study"] for row in rows} >= {finished} and all(row["action"] for row in rows)
    assert "No study has confirmed" in clr("best", "--task", "chess").stdout
    assert clr("best", "--price").returncode == clr("best", finished, "--task", "digits").returncode == 2


def test_best_shows_the_verdict_and_the_arms_on_one_screen(clr, finished):
    shown = clr("best", finished)
    answer = json.loads(clr("best", finished, "--json").stdout)

    assert shown.returncode == 0
    assert " ".join(shown.stdout.split()).startswith(answer["sentence"]), "whole, however it is wrapped"
    assert answer["status"] == "confirmed" and {arm["arm"] for arm in answer["arms"]} == {"fixed", "cosine"}
    assert f"clr snippet {finished}" in shown.stdout and len(shown.stdout.splitlines()) <= 25


def test_price_prints_the_study_that_buys_more_certainty(clr, finished):
    answer = json.loads(clr("best", finished, "--json").stdout)
    priced = clr("best", finished, "--price")

    if answer["price"] and answer["price"]["spec"]:
        assert json.loads(priced.stdout) == answer["price"]["spec"]
    else:
        assert priced.returncode == 5


def test_a_snippet_runs_without_clr_and_its_updates_have_the_rates_of_the_study_s_trace(clr, finished, tmp_path):
    traced = json.loads(clr("export", finished, "--table", "rates", "--format", "json").stdout)
    recorder = (
        "import sys, json, runpy; sys.modules['clr'] = None  # importing it raises\n"
        "from torch.optim.optimizer import register_optimizer_step_pre_hook as before_each_step\n"
        "rates = []\n"
        "before_each_step(lambda optimizer, *rest: rates.append(optimizer.param_groups[0]['lr']))\n"
        "runpy.run_path(sys.argv[1]); print(json.dumps(rates))"
    )

    for arm in ("fixed", "cosine"):
        said = clr("snippet", finished, "--arm", arm)
        (tmp_path / "pasted.py").write_text(said.stdout)
        ran = subprocess.run(
            [sys.executable, "-c", recorder, str(tmp_path / "pasted.py")], check=False, capture_output=True, text=True
        )

        assert said.returncode == ran.returncode == 0, ran.stderr
        assert json.loads(ran.stdout) == [row["rate"] for row in traced if row["arm"] == arm], "each to the last bit"
        assert "momentum=0.9" in said.stdout


def test_a_snippet_is_written_for_other_libraries_too(clr, finished):
    best = json.loads(clr("best", finished, "--json").stdout)["best"]

    assert clr("snippet", finished).stdout == best["snippet"]
    assert json.loads(clr("snippet", finished, "--json").stdout) == {"snippet": best["snippet"]}
    assert "import lightning" in clr("snippet", finished, "--kind", "lightning").stdout
    assert clr("snippet", finished, "--kind", "cobol").returncode == 5
    assert "Known: " in clr("snippet", finished, "--arm", "square").stderr


def test_report_writes_one_html_file_and_prints_where(clr, finished, tmp_path):
    written = clr("report", finished, "--output", str(tmp_path / "report.html"))

    assert written.returncode == 0 and written.stdout.strip() == str(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_export_writes_every_table_in_every_format(clr, finished, tmp_path):
    trials = list(csv.DictReader(io.StringIO(clr("export", finished).stdout)))
    curves = json.loads(clr("export", finished, "--table", "curves", "--format", "json").stdout)
    clr("export", finished, "--table", "rates", "--format", "parquet", "-o", str(tmp_path / "rates.parquet"))
    rates = parquet.read_table(tmp_path / "rates.parquet").to_pylist()

    assert {trial["phase"] for trial in trials} >= {"search", "confirm"}
    assert all(float(trial["params.peak_lr"]) > 0 for trial in trials if trial["phase"] == "search")
    assert {point["number"] for point in curves} <= {int(trial["number"]) for trial in trials}
    assert len(rates) == 20 * len({rate["arm"] for rate in rates}), "one row an update of each finalist"


@pytest.fixture(scope="module")
def journal(finished, url, tmp_path_factory):
    """The study's record as one file of Optuna's."""
    from clr.client import Client

    path = tmp_path_factory.mktemp("journal") / "study.log"
    with Client(url) as client:
        path.write_bytes(client.study(finished).export("trials", "optuna"))
    return path


def test_an_optuna_file_holds_the_arm_that_the_answer_ranks_first(clr, finished, journal, tmp_path):
    answer = json.loads(clr("best", finished, "--json").stdout)
    written = clr("export", finished, "--format", "optuna", "-o", str(tmp_path / "study.log"))
    record = JournalStorage(JournalFileBackend(str(journal)))

    study = optuna.load_study(study_name=finished, storage=record)

    assert written.returncode == 0 and (tmp_path / "study.log").read_bytes().count(b"\n") > 10
    assert study.best_trial.user_attrs["arm"] == answer["arms"][0]["arm"]
    assert study.best_value == answer["arms"][0]["mean"]
    assert sorted(optuna.get_all_study_names(record)) == sorted(
        [finished, *(f"{finished}/{phase}/{arm}" for phase in ("search", "confirm") for arm in ("fixed", "cosine"))]
    )
    confirmed = optuna.load_study(study_name=f"{finished}/confirm/cosine", storage=record)
    values = {trial.user_attrs["seed"]: trial.value for trial in confirmed.trials}
    (cosine,) = [arm for arm in answer["arms"] if arm["arm"] == "cosine"]
    assert {str(seed): value for seed, value in values.items()} == cosine["values"]
    assert all(trial.intermediate_values for trial in confirmed.trials)


def test_optuna_s_dashboard_opens_the_file(finished, journal):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "optuna_dashboard._cli", str(journal), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answered():
        try:
            return httpx.get(f"http://127.0.0.1:{port}/api/studies", trust_env=False).raise_for_status().json()
        except httpx.HTTPError:
            return None

    try:
        shown = wait_for(answered, "the dashboard answers")
    finally:
        process.kill()
        process.wait()
    assert {finished, f"{finished}/search/fixed"} <= {study["study_name"] for study in shown["study_summaries"]}


def test_an_optuna_file_has_no_other_table(clr, finished):
    refused = clr("export", finished, "--format", "optuna", "--table", "rates")

    assert refused.returncode == 2 and "/query/table: must be trials where format is optuna" in refused.stderr


def test_a_file_that_cannot_be_written_is_named_in_one_line(clr, finished):
    refused = clr("report", finished, "-o", "/nonexistent/report.html")

    assert refused.returncode == 2
    assert refused.stderr.strip() == "clr: /nonexistent/report.html: No such file or directory"


def test_an_address_without_a_scheme_is_no_dead_service(clr):
    refused = clr("status", "--service", "localhost:8000")

    assert refused.returncode == 1
    assert "begins with http:// or https://" in refused.stderr


def test_tasks_and_schedules_are_listed(clr):
    assert "digits" in clr("tasks").stdout
    assert "digits" in [task["name"] for task in json.loads(clr("tasks", "--json").stdout)]
    assert "triangular2" in clr("schedules").stdout
    assert json.loads(clr("schedules", "cosine").stdout)["family"] == "cosine"


def test_what_is_not_there_exits_with_5(clr):
    assert clr("status", "s-nobody").returncode == 5
    assert clr("best", "s-nobody").returncode == 5
    assert clr("schedules", "circular").returncode == 5


def test_watch_without_a_study_is_a_usage_error(clr):
    assert clr("status", "--watch").returncode == 2
