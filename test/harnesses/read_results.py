"""What lmms-eval's own programs read of a folder that `diffusionvl eval` has written: read_results.py FOLDER, as JSON."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from urllib.parse import unquote

import datasets
from lmms_eval.baselines.loader import load_baseline
from lmms_eval.utils import make_table


def page(folder):
    """What its page shows; None without fastapi."""
    try:
        from lmms_eval.tui import server
    except ImportError:
        return None
    (run,) = asyncio.run(server.list_log_runs(str(folder)))
    asked = dict(logs_path=str(folder), offset=0, limit=50)
    samples = [asyncio.run(server.get_log_run_samples(unquote(run.run_id), task, **asked)) for task in run.tasks]
    return {"tasks": run.tasks, "samples": sum(len(each.samples) for each in samples)}


folder = Path(sys.argv[1])
(results,) = folder.glob("*/*_results.json")
read = {"samples": {}}
with contextlib.redirect_stdout(sys.stderr):
    read["table"] = make_table(json.loads(results.read_text())).splitlines()
    for path in folder.glob("*/*_samples_*.jsonl"):
        task = path.stem.split("_samples_")[1]
        rows = datasets.load_dataset("json", data_files=str(path), split="train").num_rows
        read["samples"][task] = {"rows": rows, "baseline": len(load_baseline(str(path), task)[0])}
    read["page"] = page(folder)
print(json.dumps(read))
