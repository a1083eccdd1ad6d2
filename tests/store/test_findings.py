"""What all studies have confirmed, without reading their slots."""

import pytest
from builders import a_study, a_worker, done, finish, lease
from sqlalchemy import event

from clr.errors import InvalidSpec
from service import pagination
from service.store import findings, record, studies


def finished(database, mean: float = 0.9, **spec) -> str:
    """A study that a worker has run to its end, recorded."""
    study, worker = a_study(database, **spec), a_worker(database)
    while granted := lease(database, worker, 8):
        finish(database, worker, *(done(one, mean + one.config.seed % 7 / 1000) for one in granted))
    assert studies.get(database, study).state == "done"
    record.Recorder(database).record()
    return study


def test_the_best_of_a_setting_comes_first_and_other_settings_apart(database):
    low, high = finished(database, 0.8), finished(database, 0.9)
    other = finished(database, 0.95, batch_size=32)

    items = findings.page(database, None, 50).items

    order = [item.study for item in items]
    assert order.index(high) == order.index(low) - 1 and len({item.setting for item in items}) == 2
    assert next(item.setting for item in items if item.study == other) not in {
        item.setting for item in items if item.study in (low, high)
    }
    (found,) = [item for item in items if item.study == high]
    assert found.mean > 0.89 and found.interval and found.seeds == 2 and found.action and found.schedule["family"]


def test_pages_follow_each_other_and_hold_each_study_once(database):
    ids = {finished(database, 0.8 + k / 100) for k in range(3)}
    seen, cursor = [], None

    while True:
        page = findings.page(database, cursor, 2)
        seen += [item.study for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert sorted(seen) == sorted(ids)
    assert findings.page(database, None, 50, model="mlp", optimizer="sgd").items
    assert not findings.page(database, None, 50, optimizer="adam").items


def test_a_study_that_goes_on_or_confirmed_nothing_has_no_finding_and_a_deleted_one_has_none_left(database):
    gone = finished(database)
    going_on = a_study(database)
    studies.cancel(database, going_on)
    record.Recorder(database).record()

    assert [item.study for item in findings.page(database, None, 50).items] == [gone]
    studies.delete(database, gone)
    assert findings.page(database, None, 50).items == ()
    with pytest.raises(InvalidSpec, match="is gone"):
        findings.page(database, pagination.encode(gone), 50)


def test_the_list_is_read_in_one_statement_that_touches_no_slot(database):
    finished(database)
    statements = []
    with database.read() as connection:
        engine = connection.engine
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))

    findings.page(database, None, 50, task="digits")

    selects = [text for text in statements if text.lstrip().upper().startswith("SELECT")]
    assert len(selects) == 1 and "clr_slots" not in selects[0] and "clr_findings" in selects[0]
