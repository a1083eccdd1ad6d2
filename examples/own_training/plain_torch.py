"""A training script with mixed precision and accumulated gradients, on images. Six lines make it a task.

Usage: python examples/own_training/plain_torch.py              (alone, with its own defaults)
       clr worker --tasks examples/own_training/plain_torch.yaml
"""

import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

import clr

ACCUMULATE, BATCH_SIZE = 2, 32


def images(split_seed):
    pixels, digits = load_digits(return_X_y=True)
    everything = TensorDataset(torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8) / 16, torch.tensor(digits))
    rest, test = random_split(everything, [1397, 400], torch.Generator().manual_seed(0))
    train, validation = random_split(rest, [1117, 280], torch.Generator().manual_seed(split_seed))
    return train, validation, test


def accuracy(model, examples):
    model.eval()
    with torch.inference_mode():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in DataLoader(examples, batch_size=500))
    model.train()
    return right / len(examples)


def batches(train, seed):
    order = torch.Generator().manual_seed(seed)
    while True:  # as many epochs as the run takes
        yield from DataLoader(train, BATCH_SIZE, shuffle=True, drop_last=True, generator=order)


def main():
    run = clr.run(iterations=400)
    torch.manual_seed(run.seed)
    train, validation, test = images(run.split_seed)
    model = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.BatchNorm2d(16), torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.Flatten(), torch.nn.Linear(256, 10)),
    ).to(run.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = run.scheduler(optimizer)
    scaler = torch.amp.GradScaler(torch.device(run.device).type, init_scale=2.0**20)

    reported = 0
    for micro, (inputs, targets) in enumerate(batches(train, run.seed), start=1):
        with torch.autocast(torch.device(run.device).type, torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(model(inputs.to(run.device)), targets.to(run.device))
        scaler.scale(loss / ACCUMULATE).backward()
        if micro % ACCUMULATE:
            continue
        scaler.step(optimizer)  # leaves an update out where a gradient overflowed
        scaler.update()
        optimizer.zero_grad()
        scheduler.step()
        done = scheduler.iteration  # the updates that were made
        if done != reported and run.due(done):
            reported = done
            if run.report(done, accuracy=accuracy(model, validation), loss=loss.item()):
                break
    if run.test:
        run.report_test(accuracy=accuracy(model, test))


if __name__ == "__main__":
    main()
