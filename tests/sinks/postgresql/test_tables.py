"""The tables in a database: their types and keys, where they are made, and those that are there already."""

from __future__ import annotations

import re
from functools import partial

import psycopg
import pytest

from scanner.core.columns import DICTIONARY
from scanner.core.errors import SinkError
from scanner.sinks.testing.samples import awkward_scan, empty_scan
from tests.sinks.postgresql.publishing import execute, make, publish, rows

pytestmark = pytest.mark.slow

SCAN = awkward_scan("s1")
COLUMNS = "SELECT attname, format_type(atttypid, NULL), attnotnull FROM pg_attribute WHERE attnum > 0 AND attrelid = "


async def test_the_tables_have_the_types_and_the_keys_of_the_contract(database):
    await publish(database, empty_scan("s1"))
    patches = {name: (kind, required) for name, kind, required in rows(database, f"{COLUMNS}'patches'::regclass")}
    nodes = {name: kind for name, kind, _ in rows(database, f"{COLUMNS}'nodes'::regclass")}
    assert patches["kb_id"] == ("text", True)
    assert patches["title"] == ("text", False)
    assert patches["installed_time"] == ("timestamp with time zone", False)
    assert patches["cve_ids"] == ("text[]", True)
    assert nodes["missing_count"] == "bigint"
    others = "'INSTALLED'::text, 'INSTALLED_OTHER'::text, 'NOT_APPLICABLE'::text"
    keys = rows(database, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
    assert [re.sub(r".* ON public\.| USING btree", "", key) for (key,) in keys] == [
        "patches (scan_id, account_id, instance_id)",
        f"patches (scan_id, state) WHERE (state <> ALL (ARRAY[{others}]))",
        "nodes (scan_id, account_id, region, instance_id)",
        "scans (scan_id)",
        "targets (scan_id, account_id, region)",
    ]


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("state = 'MISSING'", "patches_state"),
        ("state IN ('MISSING', 'FAILED')", "patches_state"),
        ("account_id = '111122223000'", "patches_node"),
        ("account_id = '111122223000' AND region = 'eu-west-1' AND instance_id = 'i-1'", "patches_node"),
    ],
)
async def test_what_is_looked_up_in_patches_has_an_index(condition, index, database):
    await publish(database, SCAN)
    with psycopg.connect(database) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(f"EXPLAIN SELECT * FROM patches WHERE scan_id = 's1' AND {condition}").fetchall()
    assert index in str(plan)


async def test_a_schema_of_the_search_path_gets_the_tables(database):
    execute(database, "CREATE SCHEMA reports")
    await publish(f"{database}?options=-csearch_path%3Dreports", SCAN)
    assert rows(database, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = ANY('{scans,patches}')") == [
        ("reports",)
    ]
    assert rows(database, "SELECT scan_id FROM reports.scans") == [("s1",)]


async def test_a_schema_that_is_not_there_is_a_sentence(database):
    with pytest.raises(SinkError, match=r"no schema has been selected .*; create the schema, or name another"):
        await publish(f"{database}?options=-csearch_path%3Dnowhere", SCAN)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            "ALTER TABLE nodes ALTER COLUMN missing_count TYPE integer",
            r"the table public\.nodes has the column missing_count as integer, which has to be bigint: ",
        ),
        (
            "ALTER TABLE scans ALTER COLUMN started_at TYPE timestamp",
            r"has the column started_at as timestamp without time zone, which has to be timestamp with time zone: ",
        ),
        (
            "ALTER TABLE baselines ALTER COLUMN is_default TYPE text",
            r"has the column is_default as text, which has to be boolean: ",
        ),
        (
            "ALTER TABLE patches ALTER COLUMN cve_ids TYPE text",
            r"has the column cve_ids as text, which has to be text\[\]: ",
        ),
    ],
)
async def test_a_table_of_another_shape_is_a_sentence_and_the_way_out_in_it_works(change, complaint, database):
    await publish(database, empty_scan("s0"))
    execute(database, change)
    with pytest.raises(SinkError, match=complaint) as caught:
        await publish(database, SCAN)
    assert rows(database, "SELECT scan_id FROM scans") == [("s0",)]

    execute(database, re.search("ALTER TABLE [^,]*", str(caught.value))[0])
    await publish(database, SCAN)
    assert rows(database, "SELECT scan_id FROM scans ORDER BY 1") == [("s0",), ("s1",)]


async def test_tables_of_an_earlier_version_get_the_columns_that_came_since_and_keep_their_scans(database):
    await publish(database, SCAN)
    execute(
        database, "ALTER TABLE patches DROP COLUMN cve_ids", "ALTER TABLE nodes DROP COLUMN reason, DROP COLUMN pages"
    )
    for _ in range(2):
        await publish(database, awkward_scan("s2"))
    assert rows(database, "SELECT scan_id, count(*), count(cve_ids) FROM patches GROUP BY 1 ORDER BY 1") == [
        ("s1", 9, 0),
        ("s2", 9, 9),
    ]
    assert rows(database, "SELECT scan_id, count(pages) FROM nodes GROUP BY 1 ORDER BY 1") == [("s1", 0), ("s2", 4)]


async def try_out(url):
    sink = make(url)
    try:
        await sink.probe()
    finally:
        await sink.aclose()


async def test_a_role_that_does_not_own_an_earlier_table_is_given_the_statement(database, postgresql):
    await publish(database, SCAN)
    execute(database, "ALTER TABLE patches DROP COLUMN cve_ids")
    url = database.replace("admin:hush-admin", "writer:hush-writer")
    with postgresql.role("writer", "hush-writer"):
        execute(database, "GRANT SELECT, INSERT, DELETE ON patches, nodes, tags, targets, baselines, scans TO writer")
        sentence = r"public\.patches has no column cve_ids: ALTER TABLE public\.patches ADD COLUMN cve_ids text\[\]"
        for act in (partial(try_out, url), partial(publish, url, awkward_scan("s2"))):
            with pytest.raises(SinkError, match=sentence) as caught:
                await act()
        execute(database, re.search("ALTER TABLE [^,]*", str(caught.value))[0])
        await publish(url, awkward_scan("s2"))
        execute(database, "DROP OWNED BY writer")
    assert rows(database, "SELECT scan_id FROM scans ORDER BY 1") == [("s1",), ("s2",)]


async def test_trying_a_database_of_an_earlier_version_alters_nothing(database):
    await publish(database, SCAN)
    execute(database, "ALTER TABLE patches DROP COLUMN cve_ids")
    await try_out(database)
    assert "cve_ids" not in {name for (name, _, _) in rows(database, f"{COLUMNS}'patches'::regclass")}
    assert rows(database, "SELECT scan_id FROM scans") == [("s1",)]


COMMENTS = """
SELECT relname, attname, obj_description(pg_class.oid, 'pg_class'), col_description(attrelid, attnum)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
"""


async def test_tables_and_columns_carry_their_descriptions_and_a_comment_of_the_users_own_stays(database):
    await publish(database, SCAN)
    execute(database, "COMMENT ON COLUMN nodes.status IS 'ours'", "COMMENT ON COLUMN nodes.reason IS NULL")
    await publish(database, awkward_scan("s2"))
    comments = {(table, column): (about, comment) for table, column, about, comment in rows(database, COMMENTS)}
    assert comments.pop(("nodes", "status"))[1] == "ours"
    assert comments == {
        (table.name, column.name): (table.description, column.description)
        for table in DICTIONARY.values()
        for column in table.columns
        if (table.name, column.name) != ("nodes", "status")
    }


async def test_a_role_that_may_not_comment_publishes_without_comments(database, postgresql):
    await publish(database, SCAN)
    execute(database, "COMMENT ON COLUMN nodes.reason IS NULL")
    with postgresql.role("writer", "hush-writer"):
        execute(database, "GRANT SELECT, INSERT, DELETE ON patches, nodes, tags, targets, baselines, scans TO writer")
        await publish(database.replace("admin:hush-admin", "writer:hush-writer"), awkward_scan("s2"))
        execute(database, "DROP OWNED BY writer")
    assert rows(database, "SELECT scan_id FROM scans ORDER BY 1") == [("s1",), ("s2",)]


async def test_somebody_elses_table_is_named_and_left_alone(database):
    execute(database, "CREATE TABLE patches (number int)", "INSERT INTO patches VALUES (7)")
    with pytest.raises(SinkError, match=r"the table public\.patches has no column scan_id: .*a schema of their own"):
        await publish(database, SCAN)
    assert rows(database, "SELECT * FROM patches") == [(7,)]
    assert rows(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("patches",)]


async def test_a_table_without_columns_is_a_sentence_too(database):
    execute(database, "CREATE TABLE scans ()")
    with pytest.raises(SinkError, match=r"the table public\.scans has no column scan_id"):
        await publish(database, SCAN)


async def test_columns_that_users_added_stay(database):
    await publish(database, SCAN)
    execute(database, "ALTER TABLE nodes ADD COLUMN owner text DEFAULT 'nobody'")
    await publish(database, awkward_scan("s2"))
    assert rows(database, "SELECT DISTINCT scan_id, owner FROM nodes ORDER BY 1") == [
        ("s1", "nobody"),
        ("s2", "nobody"),
    ]


async def test_a_role_that_may_not_make_tables_is_told_what_it_needs(database, postgresql):
    sentence = r"permission denied for schema public; grant this role .*CREATE"
    with postgresql.role("maker", "hush-maker"), pytest.raises(SinkError, match=sentence):
        await publish(database.replace("admin:hush-admin", "maker:hush-maker"), SCAN)


async def test_a_role_that_may_only_read_is_told_what_it_needs(database, postgresql):
    await publish(database, SCAN)
    with postgresql.role("reader", "hush-reader"):
        execute(database, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        with pytest.raises(
            SinkError,
            match=r"denied for table \w+; grant this role SELECT, INSERT and DELETE on patches",
        ):
            await publish(database.replace("admin:hush-admin", "reader:hush-reader"), awkward_scan("s2"))
        execute(database, "DROP OWNED BY reader")
    assert rows(database, "SELECT scan_id FROM scans") == [("s1",)]


async def test_a_role_needs_no_more_than_it_is_told(database, postgresql):
    await publish(database, SCAN)
    with postgresql.role("writer", "hush-writer"):
        execute(database, "GRANT SELECT, INSERT, DELETE ON patches, nodes, tags, targets, baselines, scans TO writer")
        for _ in range(2):
            await publish(database.replace("admin:hush-admin", "writer:hush-writer"), awkward_scan("s2"))
        execute(database, "DROP OWNED BY writer")
    assert rows(database, "SELECT scan_id FROM scans ORDER BY 1") == [("s1",), ("s2",)]
