"""In the Hugging Face Trainer: with an optimizer of one's own, and as a callback."""

import pytest
import torch
from transformers import Trainer, TrainingArguments

from clr.adapters.transformers import callback, optimizers
from clr.errors import InvalidSchedule
from clr.schedules import Triangular2

SCHEDULE = Triangular2(base_lr=0.1, max_lr=0.7, step_size=3.5)
EXAMPLES = [{"inputs": torch.ones(4)}] * 64


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = torch.nn.Linear(4, 3), torch.nn.Linear(3, 1)

    def forward(self, inputs):
        return {"loss": self.head(self.body(inputs)).square().mean()}


def a_trainer(way: str, folder, **options) -> Trainer:
    model = Model()
    groups = [{"params": model.body.parameters()}, {"params": model.head.parameters(), "lr_mult": 0.5}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    arguments = TrainingArguments(
        output_dir=str(folder), **{"report_to": "none", "disable_tqdm": True, "save_strategy": "no", **options}
    )
    ours = (
        {"optimizers": optimizers(optimizer, SCHEDULE)}
        if way == "optimizers"
        else {"optimizers": (optimizer, None), "callbacks": [callback(SCHEDULE)]}
    )
    return Trainer(model, arguments, train_dataset=EXAMPLES, **ours)


def expected(updates: int) -> list[list[float]]:
    return [[rate, 0.5 * rate] for rate in SCHEDULE.rates(updates).tolist()]


pytestmark = pytest.mark.filterwarnings("ignore:'pin_memory' argument")

either_way = pytest.mark.parametrize("way", ["optimizers", "callback"])


@either_way
def test_each_update_has_its_rate_whatever_the_arguments_say_of_rates(way, tmp_path, used_rates):
    a_trainer(way, tmp_path, max_steps=11, learning_rate=9.0, warmup_steps=3).train()

    assert used_rates == expected(11)


@either_way
def test_under_accumulation_updates_are_counted_not_batches(way, tmp_path, used_rates):
    a_trainer(way, tmp_path, num_train_epochs=2, gradient_accumulation_steps=4).train()

    assert used_rates == expected(4)  # twice 8 batches


@either_way
def test_the_trainer_logs_the_rates_that_were_used(way, tmp_path):
    trainer = a_trainer(way, tmp_path, max_steps=5, logging_steps=1)

    trainer.train()

    logged = [entry["learning_rate"] for entry in trainer.state.log_history if "learning_rate" in entry]
    assert logged == SCHEDULE.rates(5).tolist()


@either_way
def test_a_run_resumed_with_another_length_keeps_its_rates(way, tmp_path, used_rates):  # transformers issue 34053
    a_trainer(way, tmp_path, max_steps=5, save_strategy="steps", save_steps=5).train()

    a_trainer(way, tmp_path, max_steps=12).train(resume_from_checkpoint=str(tmp_path / "checkpoint-5"))

    assert used_rates == expected(12)


@either_way
def test_training_twice_starts_the_callback_anew_and_goes_on_with_ones_own_scheduler(way, tmp_path, used_rates):
    trainer = a_trainer(way, tmp_path, max_steps=3)

    trainer.train()
    trainer.train()

    assert used_rates == (expected(6) if way == "optimizers" else expected(3) * 2)


def test_the_callback_works_with_the_trainers_own_optimizer(tmp_path, used_rates):
    arguments = TrainingArguments(str(tmp_path), max_steps=4, save_strategy="no", report_to="none", disable_tqdm=True)

    Trainer(Model(), arguments, train_dataset=EXAMPLES, callbacks=[callback(SCHEDULE)]).train()

    assert [set(rates) for rates in used_rates] == [{rate} for rate in SCHEDULE.rates(4).tolist()]


def test_the_callback_refuses_a_scheduler_that_it_cannot_take_over(tmp_path):
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    torchs_own = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    arguments = TrainingArguments(str(tmp_path), max_steps=2, save_strategy="no", report_to="none", disable_tqdm=True)
    trainer = Trainer(model, arguments, train_dataset=EXAMPLES, optimizers=(optimizer, torchs_own))
    trainer.add_callback(callback(SCHEDULE))

    with pytest.raises(InvalidSchedule, match=r"lr_scheduler_type of TrainingArguments must be .*'ExponentialLR'"):
        trainer.train()


def test_the_example_trains(accuracy_of):
    assert accuracy_of("hf_trainer.py") > 0.93
