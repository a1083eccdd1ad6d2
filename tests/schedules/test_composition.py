"""Schedules made of schedules, of functions, and of other lengths: what is particular to a family."""

import json
import math
import statistics
import subprocess
import sys

import numpy as np
import pytest

from clr import schedules
from clr.errors import InvalidSchedule
from clr.schedules import (
    Cosine,
    Custom,
    Exponential,
    Fixed,
    Linear,
    MultiStep,
    OneCycle,
    Piecewise,
    Step,
    Triangular,
    Triangular2,
    Warmup,
    WarmupStableDecay,
)

CYCLE = {"base_lr": 0.1, "max_lr": 0.4, "step_size": 10}


def fifth_root_of_a_cycle(x: float) -> float:
    return x**-0.2


def below_zero(x: float) -> float:
    return -1.0


class TestPiecewiseAndWarmup:
    def test_each_part_counts_from_its_own_start(self):
        part = Triangular2(base_lr=0.1, max_lr=0.4, step_size=5)

        joined = Piecewise(schedules=(part, part), milestones=(17,)).rates(40)

        assert joined.tolist() == [*part.rates(17).tolist(), *part.rates(23).tolist()]

    def test_they_nest_and_go_through_json(self):
        inner = Piecewise(schedules=(Fixed(0.1), Cosine(lr=0.1, end_lr=0, iterations=90)), milestones=(10,))
        schedule = Warmup(schedule=inner, iterations=5, shape="exponential")

        assert schedules.from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule
        assert schedules.make("warmup", schedule=inner.to_dict(), iterations=5, shape="exponential") == schedule

    def test_the_number_of_milestones_must_fit(self):
        with pytest.raises(InvalidSchedule, match=r"milestones of piecewise must be one less than the schedules \(2\)"):
            Piecewise(schedules=(Fixed(0.1), Fixed(0.2)), milestones=(5, 9))

    def test_a_document_nested_without_end_is_refused(self):
        document = Fixed(0.1).to_dict()
        for _ in range(200):
            document = {"family": "warmup", "iterations": 5, "schedule": document}

        with pytest.raises(InvalidSchedule, match="nested more than 8 deep"):
            schedules.from_dict(document)

    def test_an_exponential_warm_up_multiplies_by_the_same_factor_each_iteration(self):
        rates = Warmup(schedule=Fixed(1.0), iterations=4, start_factor=1e-4, shape="exponential").rates(6)

        assert rates == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1.0])

    def test_an_exponential_warm_up_from_zero_is_refused(self):
        with pytest.raises(InvalidSchedule, match="start_factor of warmup must be above 0"):
            Warmup(schedule=Fixed(1.0), iterations=4, start_factor=0.0, shape="exponential")


class TestMilestones:
    @pytest.mark.parametrize("wrong", [(), (5, 5), (9, 5), (0,), (1.5,), "56", 5, {"a": 1}, (True,)])
    def test_they_must_increase_from_one(self, wrong):
        with pytest.raises(InvalidSchedule, match="milestones of multi_step must be"):
            MultiStep(lr=0.1, gamma=0.5, milestones=wrong)


class TestOneCycleAndPlateau:
    def test_a_run_of_one_iteration_has_a_rate(self):
        assert OneCycle(max_lr=0.4, iterations=1)(0) == 0.4

    def test_after_the_run_the_last_rate_holds(self):  # torch's OneCycleLR raises hours into a run
        schedule = OneCycle(max_lr=0.4, iterations=100)

        assert schedule(99) == schedule(100) == schedule(10_000) == pytest.approx(0.4 / 25 / 1e4)

    def test_three_phases_leave_room_for_the_third(self):
        with pytest.raises(InvalidSchedule, match=r"pct_start of one_cycle must be at most 0\.5"):
            OneCycle(max_lr=0.4, iterations=100, pct_start=0.6, three_phase=True)

    def test_warm_up_and_decay_must_fit_into_the_run(self):
        with pytest.raises(
            InvalidSchedule, match=r"iterations of warmup_stable_decay must be at least warmup \+ decay"
        ):
            WarmupStableDecay(lr=0.1, end_lr=0.0, warmup=60, decay=60, iterations=100)

    def test_without_a_decay_the_plateau_stays(self):
        assert WarmupStableDecay(lr=0.1, end_lr=0.0, warmup=0, decay=0, iterations=10).rates(30).tolist() == [0.1] * 30


class TestCustomScales:
    def test_a_function_of_the_cycle_scales_each_peak(self):
        schedule = Custom(base_lr=0.0, max_lr=1.0, step_size=10, scale_fn=fifth_root_of_a_cycle)

        peaks = schedule(np.array([10, 30, 50]))

        assert peaks == pytest.approx([1.0, 2**-0.2, 3**-0.2])

    def test_a_function_given_is_stored_by_its_path_and_restored(self):
        schedule = Custom(**CYCLE, scale_fn=fifth_root_of_a_cycle)

        restored = schedules.from_dict(json.loads(json.dumps(schedule.to_dict())))

        assert restored == schedule
        assert restored(15) == schedule(15)

    def test_a_function_given_opens_no_other_function_of_its_module(self):
        assert Custom(**CYCLE, scale_fn=statistics.fmean).scale_fn == "statistics:fmean"

        with pytest.raises(InvalidSchedule, match="not of a trusted module"):
            Custom(**CYCLE, scale_fn="statistics:median")(3)

    def test_a_document_does_not_choose_what_is_imported(self):
        script = (
            "import sys; from clr import schedules\n"
            "d = {'family': 'custom', 'base_lr': 0, 'max_lr': 1, 'step_size': 9, 'scale_fn': 'antigravity:fly'}\n"
            "try: schedules.from_dict(d)(3)\n"
            "except schedules.base.InvalidSchedule as refusal: print(refusal)\n"
            "print('antigravity' in sys.modules)"
        )

        output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout

        assert "not of a trusted module: call clr.schedules.trust('antigravity')" in output
        assert output.endswith("False\n")

    def test_a_trusted_module_is_imported_by_path(self):
        schedules.trust("math")

        assert Custom(base_lr=0.0, max_lr=1.0, step_size=1, scale_fn="math:sqrt", scale_mode="iterations")(9) == 3.0

    @pytest.mark.parametrize("path", ["math:no_such_function", "no_such_module_at_all:f"])
    def test_what_cannot_be_imported_is_named(self, path):
        schedules.trust("no_such_module_at_all", "math")

        with pytest.raises(InvalidSchedule, match=f"can't be imported.*{path}"):
            Custom(**CYCLE, scale_fn=path)(3)

    @pytest.mark.parametrize("wrong", [lambda x: 1.0, "no such name", "os.system", "a:b:c", "math:", 3])
    def test_what_is_no_name_and_no_function_at_the_top_of_a_module_is_refused(self, wrong):
        with pytest.raises(InvalidSchedule, match="scale_fn of custom must be"):
            Custom(**CYCLE, scale_fn=wrong)

    def test_a_scale_below_zero_is_refused_when_a_rate_is_asked_for(self):
        with pytest.raises(InvalidSchedule, match="must give finite numbers of at least 0"):
            Custom(**CYCLE, scale_fn=below_zero)(3)


class TestStretchedAndScaled:
    def test_cycles_keep_their_number(self):
        assert Triangular(**CYCLE).stretched(350, of=100) == Triangular(base_lr=0.1, max_lr=0.4, step_size=35.0)

    def test_a_schedule_laid_over_its_whole_run_knows_its_length(self):
        assert Cosine(lr=0.1, end_lr=0.0, iterations=90).stretched(1234).iterations == 1234
        assert WarmupStableDecay(lr=0.1, end_lr=0.0, warmup=10, decay=20, iterations=100).stretched(50).to_dict() == {
            "family": "warmup_stable_decay", "lr": 0.1, "end_lr": 0.0, "warmup": 5, "decay": 10, "iterations": 50,
        }  # fmt: skip

    def test_a_wrapped_schedule_is_stretched_with_its_warm_up(self):
        schedule = Warmup(schedule=Linear(lr=1.0, end_lr=0.0, iterations=90), iterations=10)

        assert schedule.length == 100
        assert schedule.stretched(200) == Warmup(schedule=Linear(lr=1.0, end_lr=0.0, iterations=180), iterations=20)

    def test_a_schedule_without_a_length_wants_to_know_it(self):
        with pytest.raises(InvalidSchedule, match=r"of of triangular\.stretched is required"):
            Triangular(**CYCLE).stretched(350)

    @pytest.mark.parametrize("wrong", [0, -5, 1.5, True])
    def test_a_length_that_is_no_count_is_refused(self, wrong):
        with pytest.raises(InvalidSchedule, match="must be"):
            Cosine(lr=0.1, end_lr=0.0, iterations=90).stretched(wrong)

    def test_a_drop_never_falls_on_iteration_zero(self):
        assert Step(lr=0.1, gamma=0.5, step_size=3).stretched(10, of=1000).step_size == 1

    def test_a_plateau_gives_way_to_the_rounding_of_rise_and_fall(self):
        schedule = WarmupStableDecay(lr=0.1, end_lr=0.0, warmup=100, decay=900, iterations=1000).stretched(1055)

        assert (schedule.warmup, schedule.decay, schedule.iterations) == (106, 949, 1055)

    def test_drops_and_stages_stay_apart_in_a_short_run(self):
        stages = Piecewise((Fixed(0.1), Fixed(0.2), Fixed(0.3)), (10, 12))

        assert stages.stretched(20, of=100).milestones == (2, 3)
        assert MultiStep(lr=0.1, gamma=0.5, milestones=(1, 2, 3)).stretched(1, of=30).milestones == (1, 2, 3)

    def test_what_follows_a_warm_up_or_a_stage_takes_the_rest_of_the_run(self):
        fall = Cosine(lr=0.1, end_lr=0.0, iterations=95)

        assert Warmup(fall, iterations=5).stretched(110).length == 110
        assert Piecewise((Fixed(0.1), fall), (5,)).stretched(110).length == 110

    def test_a_stage_that_was_filled_stays_filled(self):
        ramp, cycles = Linear(lr=0.0, end_lr=1.0, iterations=10), Triangular(base_lr=0.1, max_lr=0.4, step_size=7.5)

        stretched = Piecewise((ramp, cycles, Fixed(0.1)), (10, 25)).stretched(125, of=100)

        assert stretched.milestones == (12, 31)
        assert [part.cycle for part in stretched.schedules] == [12, 19.0, None]

    @pytest.mark.parametrize("gamma", [0.5, 2.0])
    def test_a_factor_per_iteration_stays_a_number_however_short_the_run(self, gamma):
        schedule = Exponential(lr=0.1, gamma=gamma).stretched(1, of=1_000_000)

        assert schedule(0) == 0.1
        assert schedule.gamma in (math.ulp(0.0), sys.float_info.max)

    def test_batch_rules_are_named(self):
        assert Fixed(0.1).scaled(128, 512, "linear") == Fixed(0.4)
        with pytest.raises(InvalidSchedule, match="must be one of linear, sqrt"):
            Fixed(0.1).scaled(128, 512, "cubic")
        with pytest.raises(InvalidSchedule, match=r"to_batch of fixed\.scaled must be"):
            Fixed(0.1).scaled(128, 0, "linear")
