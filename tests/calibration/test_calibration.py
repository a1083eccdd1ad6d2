"""The calibration in small: every check on few studies, in seconds; `make calibrate` is the whole."""

import doctest
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import pytest

from calibration import (
    chance,
    comparisons,
    confirm_options,
    figures,
    independent_rule,
    permutations,
    real_null,
    search_null,
    target_times,
    whole_answers,
)
from calibration.chance import Chunk
from calibration.figures import Line, Section
from calibration.populations import NOISES, Population, planted
from clr.analysis import comparison


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def line(section: Section, start: str) -> Line:
    return next(line for line in section.lines if line.what.startswith(start))


def test_identical_arms_keep_every_promise(pool: Executor) -> None:
    found = comparisons.null(pool, 500)

    assert len(found.lines) == 8 and all(line.held for line in found.lines)


@pytest.mark.parametrize("effect", [0.0, 2.0])
@pytest.mark.parametrize("sds", [(1.0,) * 7, (1.0, 1.0, 4.0, 1.0, 1.0, 1.0, 1.0)])
def test_the_rule_written_twice_decides_the_same_on_the_same_tables(effect: float, sds: tuple[float, ...]) -> None:
    population = Population(means=planted(effect).means, sds=sds)
    tables = population.tables(np.random.default_rng(8), 250)

    differs, shown, used = independent_rule.decided(tables)

    facts = [set(comparisons.said(table, population)) for table in tables]
    assert ["shown" in said for said in facts] == differs.tolist()
    assert ["given shown" in said for said in facts] == shown.tolist()
    assert ["given used" in said for said in facts] == used.tolist()
    assert effect == 0.0 or 0 < used.sum() < shown.sum() < 250, "these tables must tell rules apart"


def test_the_independent_critical_values_are_the_integrated_ones() -> None:
    integrated = [comparison.max_t.critical_value(7, 24, two_sided=sides) for sides in (True, False)]

    assert independent_rule.critical_values() == pytest.approx(integrated, abs=0.005)


def test_a_chunk_counts_the_same_whenever_it_is_counted() -> None:
    chunk = Chunk("again", 250, 20)

    assert comparisons.count(Population(), chunk) == comparisons.count(Population(), chunk)
    assert sum(c.studies for c in chance.chunks("any", 601)) == 601


@pytest.mark.parametrize("noise", ["normal", "lognormal"])
def test_noise_has_mean_0_and_sd_1(noise: str) -> None:
    drawn = NOISES[noise](np.random.default_rng(2), (400_000,))

    assert drawn.mean() == pytest.approx(0.0, abs=0.01)
    assert drawn.std() == pytest.approx(1.0, abs=0.03)


def test_answers_of_identical_arms_keep_every_promise(pool: Executor) -> None:
    found = whole_answers.null(pool, 100)

    assert all(line.held for line in found.lines)


def test_final_seeds_take_the_flattery_out_of_the_reported_mean(pool: Executor) -> None:
    found = [lead for chunk in chance.chunks("curse", 60) for lead in whole_answers.leads(5, chunk)]

    assert np.mean([lead.chosen for lead in found]) > 0.4, "the winner's curse must be there to be cured"
    assert all(line.held is not False for line in whole_answers.final_seeds(pool, 60).lines)


def test_diverging_runs_are_lost_and_counted() -> None:
    table = Population().tables(np.random.default_rng(1), 1)
    table[0, 2, 1] = table[0, 4, 3] = np.nan

    (found,) = whole_answers.answers(Chunk("lost", 0, 1), table)

    diverged = {arm.arm: arm.confirm_diverged for arm in found.arms if arm.confirm_diverged}
    assert diverged == {"arm-2": 1, "arm-4": 1}
    assert {arm.difference.pairs for arm in found.arms if arm.difference} == {3}


def test_searches_that_differ_do_not_make_winners_of_replicated_families(pool: Executor) -> None:
    assert all(line.held for line in whole_answers.replicates(pool, 60).lines)


def test_a_constant_rate_written_in_three_ways_is_searched_alike_and_ties(pool: Executor) -> None:
    found = search_null.search_null(pool, 1)

    assert [told.held for told in found.lines] == [True] * 5


def test_a_rate_that_is_not_constant_does_not_tie() -> None:
    decays = {**search_null.ARMS[2], "fixed": {"ratio": 0.5}}

    assert search_null.count(Chunk("random", 0, 1), (*search_null.ARMS[:2], decays))["tie"] == 0


def test_finalists_that_the_search_picked_by_luck_keep_every_promise(pool: Executor) -> None:
    assert all(told.held for told in confirm_options.finalists(pool, 25).lines)


def test_looks_that_nobody_planned_err_seldom_in_all(pool: Executor) -> None:
    assert all(told.held is not False for told in confirm_options.extensions(pool, 12).lines)


def test_shorter_runs_that_lose_the_margin_are_seldom_said_to_lose_less(pool: Executor) -> None:
    assert all(told.held for told in confirm_options.lengths(pool, 15).lines)


def test_a_target_is_set_by_runs_that_are_not_compared(pool: Executor) -> None:
    found = confirm_options.targets(pool, 50)

    assert all(told.held is not False for told in found.lines)
    assert 0 < confirm_options.count_targets(Chunk("some", 0, 50))["given"] < 50


def test_curves_that_cross_a_target_give_the_ratio_of_their_times(pool: Executor) -> None:
    assert all(line.held for line in target_times.whole_path(pool, 15).lines)


def test_looking_early_sometimes_settles_a_study_and_keeps_the_level() -> None:
    found = whole_answers.count_looks(Chunk("looks", 0, 150))

    assert 0 < found["stopped"] <= found["winner"] <= 0.15 * found["studies"]


def test_names_and_order_change_no_number(pool: Executor) -> None:
    assert all(line.held for line in permutations.permutations(pool, 8).lines)


def test_the_restricted_ratio_in_closed_form_is_the_simulated_one() -> None:
    race = target_times.Race(ratio=0.6, censored=0.5, seeds=2)

    times = np.minimum(race.times(np.random.default_rng(5), 200_000), race.budget).mean(axis=(0, 2))

    assert race.within_budget == pytest.approx(times[0] / times[1], rel=0.002)
    assert race.within_budget == pytest.approx(0.675, abs=0.001)


def test_uncensored_ratios_keep_their_promise_and_censored_ones_are_told(pool: Executor) -> None:
    found = target_times.target_times(pool, 300)

    promised = [told for section in found for told in section.lines if told.promised]
    assert [told.held for told in promised] == [True] * 4
    assert all(line(section, "50 % censored: “not reached”").held is None for section in found)


def test_one_schedule_trained_under_two_names_with_shared_seeds_is_identical() -> None:
    assert real_null.count_shared(Chunk("shared", 0, 1)) >= Counter(studies=1, identical=1, runs=10)


def test_seeds_of_their_own_make_the_names_differ() -> None:
    plan = real_null.real_plan(0)

    assert set(real_null.other_stream(plan, 0)) == set(plan.confirm_seeds)
    assert not set(real_null.other_stream(plan, 0).values()) & set(plan.confirm_seeds)


def test_a_share_outside_its_band_is_missed_and_said() -> None:
    sections = [Section("Null", (figures.errors("false", 700, 10_000), figures.errors("false", 520, 10_000)))]

    assert [line.held for line in sections[0].lines] == [False, True]
    (missed,) = figures.missed(sections)
    assert "7.00 %" in missed and "promised 4.4 to 5.6 %" in missed
    assert "**MISSED**" in figures.markdown(sections[0])


def test_a_power_that_differs_by_more_than_chance_is_missed() -> None:
    assert figures.agreement("power", 6_450, 10_000, 128_000, 200_000).held is True
    assert figures.agreement("power", 6_650, 10_000, 128_000, 200_000).held is False


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (chance, figures):
        ran = doctest.testmod(module)
        assert ran.attempted > 0 and ran.failed == 0
