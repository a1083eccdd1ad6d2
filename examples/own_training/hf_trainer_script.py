"""The Hugging Face Trainer as a task: it takes our scheduler, a callback reports.

Usage: python examples/own_training/hf_trainer_script.py
       clr worker --tasks examples/own_training/hf_trainer_script.yaml
"""

import tempfile

import torch
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset, random_split
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed

import clr


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))

    def forward(self, inputs, labels):
        logits = self.layers(inputs)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def collate(examples):
    inputs, labels = zip(*examples, strict=True)
    return {"inputs": torch.stack(inputs), "labels": torch.stack(labels)}


def accuracy(model, examples):
    batch = collate(list(examples))
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        logits = model(**{name: part.to(device) for name, part in batch.items()})["logits"]
    model.train()
    return (logits.argmax(1).cpu() == batch["labels"]).float().mean().item()


class Reports(TrainerCallback):
    def __init__(self, run, validation):
        self.run, self.validation = run, validation

    def on_step_end(self, args, state, control, model=None, **kwargs):
        if self.run.due(state.global_step):
            control.should_training_stop = self.run.report(state.global_step, accuracy=accuracy(model, self.validation))


def main():
    run = clr.run(iterations=300)
    set_seed(run.seed)
    pixels, digits = load_digits(return_X_y=True)
    everything = TensorDataset(torch.tensor(pixels, dtype=torch.float32) / 16, torch.tensor(digits))
    rest, test = random_split(everything, [1397, 400], torch.Generator().manual_seed(0))
    train, validation = random_split(rest, [1117, 280], torch.Generator().manual_seed(run.split_seed))

    model = Classifier()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=run.iterations,
            per_device_train_batch_size=32,
            gradient_accumulation_steps=2,  # a step of the Trainer is an update all the same
            seed=run.seed,
            use_cpu=run.device == "cpu",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(
            model,
            arguments,
            data_collator=collate,
            train_dataset=train,
            callbacks=[Reports(run, validation)],
            optimizers=(optimizer, run.scheduler(optimizer)),
        )
        trainer.train()
    if run.test:
        run.report_test(accuracy=accuracy(model, test))


if __name__ == "__main__":
    main()
