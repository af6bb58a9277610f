"""How many requests of each vault, object id, operation and status: Polars, streaming, told the types."""

import sys

import polars as pl

OID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
SCHEMA = {
    "resourceId": pl.String,
    "operationName": pl.String,
    "identity": pl.Struct({"claim": pl.Struct({OID: pl.String})}),
    "properties": pl.Struct({"httpStatusCode": pl.Int32}),
}

requests = (
    pl.scan_ndjson(sys.argv[1], schema=SCHEMA)
    .group_by(
        "resourceId",
        pl.col("identity").struct.field("claim").struct.field(OID),
        "operationName",
        pl.col("properties").struct.field("httpStatusCode"),
    )
    .len("requests")
    .collect(engine="streaming")
)
print(f"groups={requests.height} total={requests['requests'].sum()}")
