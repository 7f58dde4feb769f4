"""Parquet files as pyarrow, pandas, polars and datasets write them, and what pyarrow reads in them. Needs pyarrow; the others where they are.

Usage: write.py FOLDER. Prints {file: {column: values}}; bytes as {"bytes": hex}, times as ISO text.
"""

import datetime as dt
import decimal
import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = sys.argv[1]
N = 60
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
PNG = b"\x89PNG\r\n\x1a\n"


def some(make):
    return [None if i % 7 == 3 else make(i) for i in range(N)]


def table():
    start = dt.datetime(2024, 1, 1)
    return pa.table({
        "text": pa.array(some(lambda i: f"text {i} é猫 " + "x" * i), pa.string()),
        "large_text": pa.array(some(lambda i: f"large {i % 5}"), pa.large_string()),
        "view": pa.array(some(lambda i: f"view {i}"), pa.string_view()),
        "i8": pa.array(some(lambda i: i - 50), pa.int8()),
        "u32": pa.array(some(lambda i: 4294967295 - i), pa.uint32()),
        "i64": pa.array(some(lambda i: 2**53 + i if i % 2 else -i), pa.int64()),
        "u64": pa.array(some(lambda i: 2**64 - 1 - i), pa.uint64()),
        "f16": pa.array(some(lambda i: i * 0.5 - 5), pa.float16()),
        "f32": pa.array(some(lambda i: i * 0.25), pa.float32()),
        "f64": pa.array(some(lambda i: i / 3), pa.float64()),
        "truth": pa.array(some(lambda i: i % 3 == 0), pa.bool_()),
        "binary": pa.array(some(lambda i: bytes([i]) * (i % 9)), pa.binary()),
        "fixed": pa.array(some(lambda i: bytes([i] * 4)), pa.binary(4)),
        "nulls": pa.nulls(N),
        "ms": pa.array(some(lambda i: start + dt.timedelta(milliseconds=i * 1234567)), pa.timestamp("ms")),
        "us": pa.array(some(lambda i: start + dt.timedelta(microseconds=i * 1234567)), pa.timestamp("us", tz="UTC")),
        "ns": pa.array(some(lambda i: 1700000000000000000 + i * 1001), pa.timestamp("ns")),
        "date": pa.array(some(lambda i: dt.date(2020, 1, 1) + dt.timedelta(days=i)), pa.date32()),
        "time": pa.array(some(lambda i: dt.time(i % 24, i, 1)), pa.time64("us")),
        "decimal": pa.array(some(lambda i: decimal.Decimal(i - 30) / 10), pa.decimal128(10, 2)),
        "long_decimal": pa.array(some(lambda i: decimal.Decimal("12345678901234567890123.45") + i), pa.decimal128(38, 2)),
        "strings": pa.array(some(lambda i: [f"s{j}" if j != 2 else None for j in range(i % 5)]), pa.list_(pa.string())),
        "lists": pa.array(some(lambda i: [[j, j + 1] if j % 2 else None for j in range(i % 4)]), pa.list_(pa.list_(pa.int64()))),
        "pair": pa.array([[i, i + 1] for i in range(N)], pa.list_(pa.float32(), 2)),
        "struct": pa.array(
            some(lambda i: {"a": i, "b": {"c": f"x{i}" if i % 2 else None}}),
            pa.struct([("a", pa.int64()), ("b", pa.struct([("c", pa.string())]))]),
        ),
        "structs": pa.array(
            some(lambda i: [{"a": j, "t": str(j)} for j in range(i % 3)]),
            pa.list_(pa.struct([("a", pa.int64()), ("t", pa.string())])),
        ),
        "image": pa.array(some(lambda i: {"bytes": PNG + bytes([i]) * i, "path": None if i % 2 else f"{i}.png"}), IMAGE),
        "images": pa.array(some(lambda i: [{"bytes": PNG + bytes([j]), "path": f"{j}.png"} for j in range(i % 4)]), pa.list_(IMAGE)),
        "map": pa.array(some(lambda i: [(f"k{j}", j) for j in range(i % 3)]), pa.map_(pa.string(), pa.int64())),
        "category": pa.array(some(lambda i: f"c{i % 3}")).dictionary_encode(),
    })


def iso(nanoseconds):
    seconds, below = divmod(nanoseconds, 10**9)
    text = dt.datetime.fromtimestamp(seconds, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{below:09d}"
    return f"{text}.{digits[:3]}{digits[3:].rstrip('0')}Z"


def plain(value):
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, decimal.Decimal):
        digits = str(value).replace("-", "").replace(".", "").lstrip("0")
        return float(value) if len(digits) <= 15 else str(value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, int) and abs(value) > 2**53 - 1:
        return str(value)
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list):
        if value and isinstance(value[0], tuple):
            return {key: plain(part) for key, part in value}
        return [plain(part) for part in value]
    return float(value) if type(value).__module__ == "numpy" else value


def column(values):
    if pa.types.is_timestamp(values.type):
        nanoseconds = values.cast(pa.timestamp("ns", tz=values.type.tz)).cast(pa.int64()).to_pylist()
        return [None if one is None else iso(one) for one in nanoseconds]
    if pa.types.is_map(values.type):
        return [None if one is None else {key: plain(part) for key, part in one} for one in values.to_pylist()]
    return [plain(one) for one in values.to_pylist()]


def main():
    whole = table()
    small = {"row_group_size": 25, "data_page_size": 200, "write_batch_size": 4}
    files = {}

    def write(name, rows, **options):
        pq.write_table(rows, os.path.join(FOLDER, name), **options)
        files[name] = rows

    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        for version in ["1.0", "2.0"]:
            for dictionary in [True, False]:
                name = f"{codec}-{version}-{dictionary}.parquet"
                write(name, whole, compression=codec, data_page_version=version, use_dictionary=dictionary, **small)
    write("whole.parquet", whole, write_page_index=True, store_schema=False)
    write("names.parquet", whole, use_compliant_nested_type=False)
    encodings = {
        **{"text": "DELTA_BYTE_ARRAY", "large_text": "DELTA_LENGTH_BYTE_ARRAY", "fixed": "DELTA_BYTE_ARRAY", "truth": "RLE"},
        **{"i64": "DELTA_BINARY_PACKED", "i8": "DELTA_BINARY_PACKED", "u64": "DELTA_BINARY_PACKED", "us": "DELTA_BINARY_PACKED"},
        **{"f16": "BYTE_STREAM_SPLIT", "f32": "BYTE_STREAM_SPLIT", "f64": "BYTE_STREAM_SPLIT", "decimal": "BYTE_STREAM_SPLIT"},
    }
    for version in ["1.0", "2.0"]:
        rows = whole.select(list(encodings))
        write(f"encodings-{version}.parquet", rows, use_dictionary=False, column_encoding=encodings, data_page_version=version, **small)
    others = []
    try:
        kept = whole.drop_columns(["map", "nulls", "time", "pair", "f16", "view"])
        kept.to_pandas().to_parquet(os.path.join(FOLDER, "pandas.parquet"))
        others.append("pandas.parquet")
    except ImportError:
        pass
    try:
        import polars

        rows = polars.from_arrow(whole.drop_columns(["map", "fixed", "f16", "long_decimal", "view"]))
        for codec in ["zstd", "snappy", "lz4", "gzip", "brotli", "uncompressed"]:
            rows.write_parquet(os.path.join(FOLDER, f"polars-{codec}.parquet"), compression=codec, row_group_size=20)
            others.append(f"polars-{codec}.parquet")
    except ImportError:
        pass
    try:
        import datasets

        one = {"bytes": PNG, "path": None}
        features = datasets.Features({
            "image": datasets.Image(),
            "images": datasets.Sequence(datasets.Image()),
            "label": datasets.ClassLabel(names=["a", "b"]),
            "pairs": datasets.Sequence({"x": datasets.Value("int32"), "y": datasets.Value("string")}),
        })
        rows = {
            "image": [{"bytes": PNG, "path": f"{i}.png"} for i in range(20)],
            "images": [[one] * (i % 3) for i in range(20)],
            "label": [i % 2 for i in range(20)],
            "pairs": [{"x": [1, 2][: i % 3], "y": ["a", "b"][: i % 3]} for i in range(20)],
        }
        datasets.disable_progress_bars()
        datasets.Dataset.from_dict(rows, features=features).to_parquet(os.path.join(FOLDER, "datasets.parquet"))
        others.append("datasets.parquet")
    except ImportError:
        pass
    for name in others:
        files[name] = pq.read_table(os.path.join(FOLDER, name))
    print(json.dumps({name: {key: column(rows[key]) for key in rows.column_names} for name, rows in files.items()}))


main()
