"""Writes the Parquet files beside it, each from the JSON Lines of its form: see tests/tests/parquet.rs.

Needs pyarrow and duckdb: `python make.py`. What is committed was written by pyarrow 26.0 and DuckDB 2.0.
"""

import datetime
import decimal
import json
import pathlib
import sys
import tempfile

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent


def rows(name):
    with open(HERE / f"{name}.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def instant(text, utc=False):
    """To the microsecond, which is all that Python has."""
    time = datetime.datetime.strptime(text.rstrip("Z")[:26], "%Y-%m-%dT%H:%M:%S.%f")
    return time.replace(tzinfo=datetime.timezone.utc) if utc else time


def write(name, table, **options):
    pq.write_table(table, HERE / f"{name}.parquet", **options)


def columns(records):
    names = []
    for record in records:
        names += [name for name in record if name not in names]
    return names


def table(records, types):
    """Flat columns, text unless said otherwise; objects become JSON text."""
    arrays = {}
    for name in columns(records):
        kind = types.get(name, pa.string())
        values = [record.get(name) for record in records]
        if pa.types.is_timestamp(kind):
            values = [value and instant(value, kind.tz is not None) for value in values]
        elif kind in (pa.string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
            values = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
        arrays[name] = pa.array(values, type=kind)
    return pa.table(arrays)


TEXT = pa.string()
CLAIM = pa.struct([(name, TEXT) for name in [
    "oid", "appid", "upn", "unique_name", "ipaddr", "idtyp", "appidacr", "scp", "xms_mirid",
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
]])
PROPERTIES = pa.struct([
    ("id", TEXT), ("clientInfo", TEXT), ("requestUri", TEXT), ("httpStatusCode", pa.int32()),
    ("isAccessPolicyMatch", pa.bool_()), ("isRbacAuthorized", pa.bool_()), ("isAddressAuthorized", pa.bool_()),
    ("tlsVersion", TEXT),
    ("keyProperties", pa.struct([("type", TEXT), ("size", pa.int32()), ("operations", pa.list_(TEXT))])),
    ("properties", pa.struct([
        ("sku", pa.struct([("Family", TEXT), ("Name", TEXT)])),
        ("networkAcls", pa.struct([("bypass", TEXT), ("defaultAction", TEXT)])),
        ("enableRbacAuthorization", pa.bool_()), ("enablePurgeProtection", pa.bool_()),
    ])),
])


def nested(records, time):
    """The storage form with structs, and columns that nobody reads."""
    kinds = {"time": time, "identity": pa.struct([("claim", CLAIM)]), "properties": PROPERTIES}
    arrays = {}
    for name in columns(records):
        kind = kinds.get(name, TEXT)
        values = [record.get(name) for record in records]
        if pa.types.is_timestamp(kind):
            values = [value and instant(value) for value in values]
        arrays[name] = pa.array(values, type=kind)
    some = len(records)
    arrays["price"] = pa.array([decimal.Decimal("1.25")] * some, type=pa.decimal128(30, 2))
    arrays["day"] = pa.array([datetime.date(2024, 4, 2)] * some)
    arrays["tags"] = pa.array([["a", None, "b"], None, []] * some, type=pa.list_(TEXT))[:some]
    return pa.table(arrays)


def mapped(records):
    """The storage form with maps, as a job writes it that does not know the claims."""
    claim, more = pa.map_(TEXT, TEXT), []
    for record in records:
        identity = record.get("identity")
        properties = record.get("properties")
        text = lambda value: value if isinstance(value, str) else json.dumps(value)
        more.append(record | {
            "identity": identity and {"claim": list(identity.get("claim", {}).items())},
            "properties": properties and [(k, v if v is None else text(v)) for k, v in properties.items()],
        })
    kinds = {"identity": pa.struct([("claim", claim)]), "properties": claim}
    arrays = {n: pa.array([r.get(n) for r in more], type=kinds.get(n, TEXT)) for n in columns(more)}
    return pa.table(arrays)


def duck(name, records, select, options):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "rows.json"
        source.write_text("\n".join(json.dumps(record) for record in records))
        read = f"read_json('{source}', format='newline_delimited', sample_size=-1, maximum_depth=8)"
        duckdb.sql(f"COPY (SELECT {select} FROM {read}) TO '{HERE / name}.parquet' (FORMAT parquet, {options})")


def main():
    storage, diagnostics, audit = rows("storage"), rows("azure-diagnostics"), rows("azkv-audit-logs")
    write("spark-nested-int96", nested(storage, pa.timestamp("us")), compression="snappy",
          use_deprecated_int96_timestamps=True, store_schema=False)
    write("nested-zstd", nested(storage, pa.timestamp("us")), compression="zstd", row_group_size=5,
          store_schema=False)
    write("nested-pages-v2", nested(storage, pa.timestamp("ms")), compression="lz4", data_page_version="2.0",
          use_dictionary=False, data_page_size=64, write_batch_size=2)
    write("delta", table(storage, {}), compression="snappy", data_page_version="2.0", use_dictionary=False,
          column_encoding="DELTA_LENGTH_BYTE_ARRAY")
    write("delta-byte-array", table(storage, {}), use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY")
    write("maps", mapped(storage), compression="gzip")
    write("maps-small-pages", mapped(storage), compression="none", data_page_size=1, write_batch_size=1)
    numbers = {"TimeGenerated": pa.timestamp("ms"), "httpStatusCode_d": pa.uint64(), "DurationMs": pa.int8(),
               "isRbacAuthorized_b": pa.bool_(), "isAccessPolicyMatch_b": pa.bool_(),
               "keyProperties_size_d": pa.float32()}
    dictionary = {name: pa.dictionary(pa.int32(), TEXT) for name in columns(diagnostics) if name not in numbers}
    write("diagnostics-dictionary", table(diagnostics, numbers | dictionary), compression="gzip")
    decimals = {"httpStatusCode_d": pa.decimal64(9, 2), "keyProperties_size_d": pa.int64(),
                "isRbacAuthorized_b": pa.bool_()}
    rowsd = [r | {"httpStatusCode_d": r.get("httpStatusCode_d") and decimal.Decimal(r["httpStatusCode_d"])}
             for r in diagnostics]
    write("diagnostics-decimal", table(rowsd, decimals), compression="brotli", store_decimal_as_integer=True)
    views = {name: pa.string_view() for name in columns(audit)}
    more = {"TimeGenerated": pa.timestamp("ns", tz="UTC"), "HttpStatusCode": pa.int16(), "DurationMs": pa.int64(),
            "IsRbacAuthorized": pa.bool_()}
    write("audit-views", table(audit, views | more), compression="zstd", data_page_size=256, write_batch_size=1)
    duck("duckdb-storage", storage, "*", "CODEC 'zstd'")
    duck("duckdb-audit", audit, "*", "CODEC 'lz4_raw', PARQUET_VERSION v2")
    duck("duckdb-diagnostics", diagnostics,
         "* REPLACE (TimeGenerated::TIMESTAMPTZ AS TimeGenerated, CorrelationId::UUID AS CorrelationId)", "CODEC 'gzip'")
    write("other", pa.table({"name": ["a", "b"], "id": [1, 2], "time": ["x", "y"]}))
    for file in sorted(HERE.glob("*.parquet")):
        print(file.stat().st_size, file.name, file=sys.stderr)


main()
