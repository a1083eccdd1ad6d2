"""Any order of leases, renewals, expiries, stale reports, results, crashes, releases, cancels, against a dictionary."""

from dataclasses import dataclass, field

from builders import a_study, a_worker, done, expire, failed, lease, measured, release, renew, report
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clr.protocol import Lease, Results
from service.store import results, slots, studies
from service.store.database import Database


@dataclass
class Slot:
    """What the store must know of a slot. `holder`: worker of the newest lease, "" once it gave the slot back."""

    fence: int = 0
    holder: str = ""
    ran_out: bool = False
    counted: bool = False
    crashes: int = 0
    outcome: str | None = None
    value: float | None = None
    curve: dict[int, float] = field(default_factory=dict)

    def leasable(self) -> bool:
        return self.outcome is None and (not self.holder or self.counted)

    def holds(self, worker: str, granted: Lease) -> bool:
        return self.outcome is None and (self.fence, self.holder) == (granted.fence, worker)

    def crash(self) -> None:
        self.crashes += 1
        self.outcome = "failed" if self.crashes == 3 else None


class LeaseMachine(RuleBasedStateMachine):
    """Slots of one search round; workers keep every token that they ever got and use old ones, too."""

    tokens = Bundle("tokens")
    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.study = a_study(self.database, arms=["fixed"], trials=6, confirm_seeds=1)
        self.workers = [a_worker(self.database) for _ in range(2)]
        self.model = {trial.number: Slot() for trial in slots.trials(self.database, self.study, curves="none")}
        self.cancelled = False
        self.how: dict[tuple[int, int], str] = {}
        self.patience = 20  # steps before the study may be cancelled

    def teardown(self) -> None:
        studies.cancel(self.database, self.study)  # the next example's leases look at its own study alone

    def slot(self, granted: Lease) -> Slot:
        return self.model[granted.number]

    def lost(self, granted: Lease) -> list[str]:
        return ["cancelled" if self.cancelled and self.slot(granted).outcome is None else "lease-lost"]

    @initialize(target=tokens)
    def begin(self):
        return self._lease(0, 3)

    @rule(target=tokens, who=st.integers(0, 1), count=st.integers(1, 3))
    def lease(self, who, count):
        return self._lease(who, count)

    @rule(target=tokens, token=tokens, who=st.integers(0, 1))
    def take_over(self, token, who):
        self._expire(*token)
        return self._lease(who, 3)

    @rule(token=tokens)
    def expire(self, token):
        self._expire(*token)

    def _lease(self, who, count):
        worker = self.workers[who]
        for slot in self.model.values():
            if slot.outcome is None and slot.ran_out and not slot.counted:
                self._count_expiry(slot)
        free = [] if self.cancelled else [n for n, slot in self.model.items() if slot.leasable()]

        granted = lease(self.database, worker, count)

        assert [one.number for one in granted] == sorted(free)[:count]
        for one in granted:
            slot = self.slot(one)
            assert one.fence == slot.fence + 1
            slot.fence, slot.holder, slot.ran_out, slot.counted = one.fence, worker, False, False
        return multiple(*((worker, one) for one in granted))

    @rule(token=tokens)
    def renew(self, token):
        self._prolong(token, lambda worker, granted: renew(self.database, worker, granted))

    @rule(token=tokens, iteration=st.integers(1, 3), value=st.sampled_from([0.25, 0.5]))
    def report(self, token, iteration, value):
        worker, granted = token
        slot, told = self.slot(granted), measured(granted, {iteration: value})
        if slot.holds(worker, granted) and not self.cancelled:
            known = slot.curve.setdefault(granted.fence * 10 + iteration, value)
            self._took_back(slot)
            assert report(self.database, worker, told) == ["accepted" if known == value else "conflict"]
            return
        newest = slot.fence == granted.fence
        repeated = newest and slot.curve.get(granted.fence * 10 + iteration) == value
        expected = ["accepted"] if repeated else self.lost(granted)
        assert report(self.database, worker, told) == expected

    def _expire(self, worker, granted):
        if self.slot(granted).holds(worker, granted) and not self.cancelled:
            expire(self.database, worker, granted)
            self._took_back(self.slot(granted))
            self.slot(granted).ran_out = True

    @rule(token=tokens, value=st.sampled_from([0.25, 0.5]))
    def finish(self, token, value):
        worker, granted = token
        slot = self.slot(granted)
        replies = self._finish(worker, done(granted, value, evaluations=()))
        if slot.holds(worker, granted):
            assert replies == ["cancelled" if self.cancelled else "accepted"]
            if not self.cancelled:
                slot.outcome, slot.value = "done", value
        elif slot.outcome == "done" and slot.fence == granted.fence:
            assert replies == ["accepted" if slot.value == value else "conflict"]
        else:
            assert replies[0] != "accepted"

    @rule(token=tokens)
    def crash(self, token):
        worker, granted = token
        slot = self.slot(granted)
        held = slot.holds(worker, granted)
        replies = self._finish(worker, failed(granted, "crashed"))
        if held and not self.cancelled:
            assert replies == ["accepted"]
            self.how[granted.slot, granted.fence] = "crashed"
            if not slot.counted:
                slot.crash()
            slot.holder, slot.ran_out, slot.counted = "", False, False
        elif slot.fence == granted.fence and self.how.get((granted.slot, granted.fence)) == "crashed":
            assert replies == ["accepted"]
        else:
            assert replies[0] != "accepted"

    @rule(token=tokens)
    def release(self, token):
        worker, granted = token
        slot = self.slot(granted)
        held = slot.holds(worker, granted)
        replies = release(self.database, worker, granted)
        if held:
            assert replies == ["accepted"]
            self.how[granted.slot, granted.fence] = "released"
            self._took_back(slot)
            slot.holder = ""
        elif slot.fence == granted.fence and self.how.get((granted.slot, granted.fence)) == "released":
            assert replies == ["accepted"]
        else:
            assert replies == self.lost(granted)

    @precondition(lambda self: self.patience <= 0)
    @rule()
    def cancel(self):
        studies.cancel(self.database, self.study)
        self.cancelled = True

    @invariant()
    def every_slot_is_as_the_model_says(self):
        self.patience -= 1
        trials = {t.number: t for t in slots.trials(self.database, self.study, curves="none") if t.round == 0}
        for number, slot in self.model.items():
            outcome = slot.outcome or ("cancelled" if self.cancelled else None)
            assert (trials[number].outcome, trials[number].value) == (outcome, slot.value)

    def _finish(self, worker, result):
        """Without opening the next round: the slots stay those of the model."""
        answers, _, _ = results.finish(self.database, Results(worker=worker, results=(result,)))
        return [answer.reply for answer in answers.answers]

    def _prolong(self, token, call):
        worker, granted = token
        slot = self.slot(granted)
        if slot.holds(worker, granted) and not self.cancelled:
            assert call(worker, granted) == ["accepted"]
            self._took_back(slot)
        else:
            assert call(worker, granted) == self.lost(granted)

    def _count_expiry(self, slot: Slot) -> None:
        if self.cancelled:
            slot.holder, slot.ran_out = "", False
        else:
            slot.counted = True
            slot.crash()

    @staticmethod
    def _took_back(slot: Slot) -> None:
        if slot.counted:
            slot.crashes -= 1
        slot.ran_out = slot.counted = False


def test_no_slot_is_finished_twice_and_none_is_lost(database):
    class Machine(LeaseMachine):
        pass

    Machine.database = database
    examples = settings(
        max_examples=40,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        phases=[Phase.generate],  # shrinking one failure takes minutes on a real database
    )
    run_state_machine_as_test(Machine, settings=examples)
