import optuna
from builders import a_study, a_worker, run

from service.store.record import Recorder


def test_the_best_trial_is_the_arm_ranked_first(database):
    study = a_study(database)
    run(database, a_worker(database))

    Recorder(database).record()

    record = optuna.load_study(study_name=study, storage=database.url)
    assert record.best_trial.user_attrs["arm"] == "triangular2"
