"""How many requests of each vault, object id, operation and status: DuckDB, told the types beforehand."""

import sys

import duckdb

OID = "http://schemas.microsoft.com/identity/claims/objectidentifier"

connection = duckdb.connect()
connection.execute("SET preserve_insertion_order = false")
groups, total = connection.execute(
    f"""
    SELECT count(*), sum(requests) FROM (
        SELECT resourceId, identity.claim."{OID}", operationName, properties.httpStatusCode, count(*) AS requests
        FROM read_json(?, format = 'newline_delimited', columns = {{
            resourceId: 'VARCHAR',
            operationName: 'VARCHAR',
            identity: 'STRUCT(claim STRUCT("{OID}" VARCHAR))',
            properties: 'STRUCT(httpStatusCode INTEGER)'
        }})
        GROUP BY ALL
    )
    """,
    [sys.argv[1]],
).fetchone()
print(f"groups={groups} total={total}")
