"""Chooses the cases beside it from two folders of golden cases: python3 make.py FIXTURES FIXTURES_FAMILIES.

Nothing is computed here: values are those of the reference implementations (README.md), less of them. Tokenizers are cut to
the entries that the chosen texts need, which gives the same ids: a merge that is left out was never the next one.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

HERE = Path(__file__).parent
MODELS = ["small-llada", "tiny-llama-linear"]
IMAGES = ["tiny.png", "palette.png", "grey.png"]
# Of the 200 vocabulary columns that are stored of every row of logits.
COLUMNS = 24
CASES = {"small-llada.0", "small-llada.1", "tiny-llama-linear.0", "tiny-llama-linear.1"} | {
    f"tiny-llama-linear.block{size}" for size in (1, 4, 8)
}
# Tokenizers by the key of their ids; the authors' formats for one are those that have it in their name, or none.
TOKENIZERS = {"qwen": "tiny-qwen2_5_vl", "llada": "tiny-llada"}


def read(path):
    return json.loads(path.read_text())


def write(name, value):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def read_tensors(path):
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    start = 8 + size
    return {
        name: (entry["dtype"], entry["shape"], data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def write_tensors(name, tensors):
    header, offset = {}, 0
    for key, (dtype, shape, data) in tensors.items():
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (HERE / name).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def fewer_columns(tensor):
    dtype, shape, data = tensor
    width = shape[-1]
    rows = [data[4 * i : 4 * (i + COLUMNS)] for i in range(0, len(data) // 4, width)]
    return dtype, [*shape[:-1], COLUMNS], b"".join(rows)


def choose_text(folders):
    cases, tensors = [], {}
    for folder in folders:
        stored = read_tensors(folder / "text/logits.safetensors")
        for case in read(folder / "text/cases.json"):
            if case["key"] not in CASES:
                continue
            cases.append(case)
            columns = case["columns_key"]
            tensors[columns] = fewer_columns(stored[columns])
            for name in ("input_ids", "logits_cols", "argmax", "lse", "top2_gap"):
                tensor = stored[f"{case['key']}.{name}"]
                tensors[f"{case['key']}.{name}"] = fewer_columns(tensor) if name == "logits_cols" else tensor
    write("text/cases.json", cases)
    write_tensors("text/logits.safetensors", tensors)


def choose_records(folders, name):
    """The records about the chosen models, of a document that is a list or has one under `cases`."""
    chosen = []
    for folder in folders:
        if (folder / name).exists():
            document = read(folder / name)
            records = document["cases"] if isinstance(document, dict) else document
            chosen += [record for record in records if record.get("model") in MODELS]
    write(name, chosen)


def choose_images(folder):
    document = read(folder / "images/processing.json")
    del document["select_best_resolution"], document["pinpoints"], document["pad_background_siglip"]
    document["images"] = [record for record in document["images"] if record["file"] in IMAGES]
    for record in document["images"]:
        shutil.copyfile(folder / "images" / record["file"], HERE / "images" / record["file"])
        for key in [key for key in record if key.startswith(("siglip", "anyres"))]:
            del record[key]
        for way in record.values():
            if isinstance(way, dict):
                # Files of their own, each larger than all of this.
                way.pop("resized_png", None)
                way.pop("full_frame0", None)
    write("images/processing.json", document)


def id_lists(value, family):
    """Every list of ids of the family's tokenizer in a document."""
    if isinstance(value, list):
        for entry in value:
            yield from id_lists(entry, family)
    if not isinstance(value, dict):
        return
    for key, entry in value.items():
        mine = ("llada" in key) == (family == "llada")
        if isinstance(entry, dict) and mine:
            yield entry.get("input_ids", [])
        elif isinstance(entry, list) and all(isinstance(id, int) for id in entry):
            if mine and key.startswith(("qwen", "llada", "ids")):
                yield entry
        else:
            yield from id_lists(entry, family)


def merges_of(token, ranks):
    """The merges that make a token of its bytes, in the order in which they are applied."""
    parts = list(token)
    while len(parts) > 1:
        pairs = [(ranks.get((a, b), len(ranks)), i) for i, (a, b) in enumerate(zip(parts, parts[1:]))]
        rank, i = min(pairs)
        if rank == len(ranks):
            return
        yield rank
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def cut_tokenizer(folder, family, documents):
    source = folder / "models" / TOKENIZERS[family]
    tokenizer = read(source / "tokenizer.json")
    vocab, merges = tokenizer["model"]["vocab"], [tuple(merge.split(" ")) for merge in tokenizer["model"]["merges"]]
    ranks = {merge: rank for rank, merge in enumerate(merges)}
    by_id = {id: token for token, id in vocab.items()}
    wanted = {id for document in documents for ids in id_lists(document, family) for id in ids if id in by_id}
    applied = sorted({rank for id in wanted for rank in merges_of(by_id[id], ranks)})
    kept = {token for token in vocab if len(token) == 1} | {by_id[id] for id in wanted}
    kept |= {part for rank in applied for part in (*merges[rank], "".join(merges[rank]))}
    added = {token["content"] for token in tokenizer["added_tokens"]}
    tokenizer["model"]["vocab"] = {token: id for token, id in vocab.items() if token in kept | added}
    tokenizer["model"]["merges"] = [" ".join(merges[rank]) for rank in applied]
    write(f"models/{family}-tokenizer/tokenizer.json", tokenizer)
    write(f"models/{family}-tokenizer/tokenizer_config.json", read(source / "tokenizer_config.json"))
    write(f"models/{family}-tokenizer/config.json", {"model_type": "tokenizer alone"})


def main(fixtures, families):
    folders = [fixtures, families]
    (HERE / "images").mkdir(exist_ok=True)
    for name in MODELS:
        source = next(folder / "models" / name for folder in folders if (folder / "models" / name).exists())
        (HERE / "models" / name).mkdir(parents=True, exist_ok=True)
        for file in ("config.json", "generation_config.json", "model.safetensors"):
            if (source / file).exists():
                shutil.copyfile(source / file, HERE / "models" / name / file)
    choose_text(folders)
    for name in ("decode/greedy.json", "train/cases.json"):
        choose_records([families], name)
    choose_images(fixtures)
    for name in ("noise/noise.json", "masks/masks.json"):
        write(name, read(fixtures / name))
    documents = [read(fixtures / f"prompts/{name}.json") for name in ("training", "evaluation", "tokenizer")]
    for name, document in zip(("training", "evaluation", "tokenizer"), documents):
        write(f"prompts/{name}.json", document)
    for family in TOKENIZERS:
        cut_tokenizer(fixtures, family, documents)


main(*map(Path, sys.argv[1:3]))
