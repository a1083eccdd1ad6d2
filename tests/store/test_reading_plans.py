"""What users read of a study is found by indexes, however much is stored beside it."""

from builders import a_study, a_worker, run
from sqlalchemy import Engine, event

from service.store import slots, studies


def test_no_read_of_a_study_walks_a_table(database):
    study = a_study(database)
    run(database, a_worker(database))
    asked: list[tuple[str, object]] = []

    def note(connection, cursor, statement, parameters, context, many):
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        studies.get(database, study)
        studies.moment(database, study)
        slots.page(database, study, None, 100)
        slots.trials(database, study, curves="ends")
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    reads = [(statement, parameters) for statement, parameters in asked if statement.startswith("SELECT")]
    assert len(reads) >= 9
    with database.read() as connection:
        if connection.dialect.name == "postgresql":
            # So few rows are walked anyway, unless that is made expensive.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        plans = [connection.exec_driver_sql(f"{explain} {sql}", parameters).all() for sql, parameters in reads]
    lines = [str(line[-1]) for plan in plans for line in plan]
    assert [line for line in lines if line.startswith("SCAN") or "Seq Scan" in line] == []
