"""What a study says where the truth is known: through the service, on real workers, on real digits."""

from collections.abc import Iterator

import pytest
from serving import serving

from clr.client import Client
from clr.resources import Answer

GOOD = {"family": "fixed", "name": "good", "fixed": {"lr": 0.1}}
CRIPPLED = {"family": "fixed", "name": "crippled", "fixed": {"lr": 0.0001}}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("verdicts"), workers=2) as found:
        yield found


def answer(client: Client, arms: list[dict], **spec: object) -> Answer:
    """Of a study in which nothing is left to search: equal chances, and known truth."""
    document = {
        "task": "digits",
        "arms": arms,
        "bounds": {"low": 1e-4, "high": 1.0},
        "budget": {"iterations": 150},
        "trials": 1,
        "confirm_seeds": 3,
        **spec,
    }
    study = client.submit(document)
    assert study.wait(poll=0.2, timeout=150).state == "done"
    return study.best()


def test_one_schedule_under_three_names_is_identical(client: Client) -> None:
    flat = {"family": "cosine", "name": "flat", "fixed": {"lr": 0.1, "end_lr": 0.1}}

    found = answer(client, [GOOD, {**GOOD, "name": "same"}, flat])

    assert found.action == "equivalent: take the simplest" and found.recommended == "good"
    assert set(found.identical[0]) == {"good", "same", "flat"}
    assert "identical, the same value on every seed" in found.sentence
    assert all(arm.difference.identical for arm in found.arms if arm.difference)


def test_a_crippled_arm_is_named_worse_and_the_winning_baseline_kept(client: Client) -> None:
    found = answer(client, [GOOD, CRIPPLED], baseline="good")

    assert found.action == "keep your baseline" and found.recommended == "good"
    assert "shown to be worse than good: crippled" in found.sentence


def test_a_winner_over_a_crippled_baseline_is_used_and_checked_on_fresh_seeds(client: Client) -> None:
    found = answer(client, [GOOD, CRIPPLED], baseline="crippled", final_seeds=2)

    assert found.action == "use it" and found.recommended == "good"
    assert found.reported is not None and found.reported.fresh and len(found.reported.values) == 2
    assert found.sentence.startswith("Use good: ")
