"""What a user's scripts do, for better or worse; standard library alone. Option `does` says what."""

import json
import os
import pathlib
import subprocess
import sys
import time


def say(line: object) -> None:
    with pathlib.Path(asked["metrics_file"]).open("a") as metrics:
        metrics.write(json.dumps(line) + "\n")


def report(done: int, value: object) -> None:
    say({"iteration": done, "accuracy": value, "began": begin})


def save(done: int) -> None:
    state.with_suffix(".new").write_text(str(done))
    state.with_suffix(".new").rename(state)


if __name__ == "__main__":  # tests collect doctests by importing it
    asked = json.loads(pathlib.Path(os.environ["CLR_RUN"]).read_text())
    does, every, length = asked["options"]["does"], asked["evaluate_every"], asked["iterations"]
    state = pathlib.Path(asked["checkpoint_dir"]) / "at"
    begin = int(state.read_text()) if state.exists() else 0

    print("began at", begin, flush=True)
    for done in range(begin + every, length + 1, every):
        report(done, "high" if does == "words" else float("nan") if does == "nan" else done / length)
        if does == "slow":
            save(done)
            time.sleep(0.3)
        if done == 2 * every and does == "raises":
            raise ArithmeticError("the moon is in the wrong phase")
        if done == 2 * every and does == "hangs":
            print("about to hang", flush=True)
            time.sleep(3600)
    if does == "talks":
        for _ in range(300):
            sys.stdout.write("blah " * 2000)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    if asked["test"]:
        say({"test": {"accuracy": 0.5}})
