from builders import a_study, a_worker, run

from service.store import studies


def test_a_study_runs_to_its_end(database):
    study = a_study(database)
    worker = a_worker(database)

    ran = run(database, worker)

    found = studies.get(database, study)
    assert found.state == "done"
    assert [lease.number for lease in ran] == sorted(lease.number for lease in ran)
    assert found.slots.done == found.slots.planned == len(ran) == 8
