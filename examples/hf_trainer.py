"""The Hugging Face Trainer under warm-up, plateau and decay, on scikit-learn's digits.

Usage: python examples/hf_trainer.py
"""

import tempfile

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from transformers import Trainer, TrainingArguments

from clr.adapters.transformers import callback
from clr.schedules import WarmupStableDecay

EPOCHS, BATCH_SIZE = 12, 64


class Classifier(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))

    def forward(self, inputs, labels):
        logits = self.layers(inputs)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def main() -> float:
    torch.manual_seed(0)
    inputs, targets = load_digits(return_X_y=True)
    split = train_test_split(inputs / 16.0, targets, random_state=0)
    train, test = (
        [{"inputs": torch.tensor(x, dtype=torch.float32), "labels": int(y)} for x, y in zip(*part, strict=True)]
        for part in (split[::2], split[1::2])
    )

    iterations = EPOCHS * -(-len(train) // BATCH_SIZE)
    schedule = WarmupStableDecay(
        lr=0.01, end_lr=0.0, warmup=iterations // 10, decay=iterations // 4, iterations=iterations
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=BATCH_SIZE,
            logging_steps=iterations // 6,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(Classifier(), arguments, train_dataset=train, callbacks=[callback(schedule)])
        trainer.train()
        predictions = trainer.predict(test).predictions

    accuracy = float((predictions.argmax(1) == split[3]).mean())
    print(f"test accuracy {accuracy:.4f} after {trainer.state.global_step} updates")
    return accuracy


if __name__ == "__main__":
    main()
