"""How many requests of each vault, object id, operation and status: ClickHouse in the process, told the types."""

import sys

import chdb

OID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
COLUMNS = f"""
    resourceId LowCardinality(String),
    operationName LowCardinality(String),
    identity Tuple(claim Tuple(`{OID}` String)),
    properties Tuple(httpStatusCode UInt16)
"""
SETTINGS = """
    input_format_skip_unknown_fields = 1,
    input_format_json_ignore_unknown_keys_in_named_tuple = 1,
    input_format_json_defaults_for_missing_elements_in_named_tuple = 1
"""

path = sys.argv[1].replace("\\", "\\\\").replace("'", "\\'")
answer = chdb.query(
    f"""
    SELECT count(), sum(requests) FROM (
        SELECT
            resourceId,
            tupleElement(tupleElement(identity, 'claim'), '{OID}') AS oid,
            operationName,
            tupleElement(properties, 'httpStatusCode') AS status,
            count() AS requests
        FROM file('{path}', 'JSONEachRow', '{COLUMNS}')
        GROUP BY ALL
    )
    SETTINGS {SETTINGS}
    """,
    "CSV",
)
groups, total = str(answer).strip().split(",")
print(f"groups={groups} total={total}")
