"""What the functions of lmms-eval 0.3.0, which the authors use, make of cases.

    python authors.py < {"task": [{"doc": ..., "answer": ...}, ...], ...}   > {"task": {"cases": ..., "metrics": ...}, ...}

Needs: pip install --no-deps lmms-eval==0.3.0; pip install "numpy<2" "pandas<2.3" pyyaml. Of lmms-eval the scoring functions
alone are run; what else it imports is replaced by nothing.
"""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import math
import random
import sys
import types
import warnings
from pathlib import Path
from unittest.mock import MagicMock

STUBBED = (
    "PIL accelerate capture_metric datasets decord dotenv evaluate httpx jinja2 loguru nltk openai pycocoevalcap pycocotools requests "
    "sacrebleu sklearn sqlitedict torch tqdm transformers"
).split()


class Nothing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in STUBBED:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module):
        pass


def prepare():
    folder = Path(importlib.util.find_spec("lmms_eval").submodule_search_locations[0])
    for name in ["lmms_eval", "lmms_eval.tasks", "lmms_eval.filters", "lmms_eval.api"]:
        package = types.ModuleType(name)
        package.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    sys.meta_path.insert(0, Nothing())


def utils(task, module="utils"):
    return importlib.import_module(f"lmms_eval.tasks.{task}.{module}")


LETTER = "\nAnswer with the option's letter from the given choices directly."


def prompts(post):
    return {"pre_prompt": "", "post_prompt": post, "prompt_format": "mcq"}


def answer(doc):
    return doc["answer"]


def no_filter(answer, doc):
    return answer


def filtered_by(*filters):
    def apply(answer, doc):
        responses = [[answer]]
        for one in filters:
            made = one.apply(responses, [doc])
            responses = [[entry] if isinstance(entry, str) else entry for entry in made]
        return responses[0][0]

    return apply


def image_columns(module, doc):
    """By asking for them: what a document is asked for, in order."""

    class Asked(dict):
        names = []

        def __getitem__(self, key):
            if key in doc:
                return doc[key]
            self.names.append(key)
            return MagicMock()

    asked = Asked(doc)
    asked.names = []
    (module.mmmu_pro_doc_to_visual if hasattr(module, "mmmu_pro_doc_to_visual") else module.mmmu_doc_to_visual)(asked)
    return asked.names


def exact_match(doc, answer, target):
    metric = importlib.import_module("lmms_eval.api.metrics").exact_match_hf_evaluate
    score = metric(predictions=[answer], references=[target], ignore_case=True, ignore_punctuation=True)
    return {"exact_match": float(score["exact_match"])}


def mean(values):
    return sum(values) / len(values)


def mmbench():
    module = utils("mmbench", "en_utils")
    evaluator = module.mmbench_evaluator
    # There is no judge: every call fails, without the authors' waits.
    evaluator.get_chat_response = lambda *_, **__: "Failed to obtain answer via API"
    return {
        "context": lambda doc: module.mmbench_doc_to_text(doc, prompts(LETTER)),
        "values": lambda doc, text: module.mmbench_process_results(doc, [text]),
        "metrics": {"gpt_eval_score": lambda values: float(evaluator.eval_result(values, eval_method="openai")[0]) * 100},
    }


def realworldqa():
    module = utils("realworldqa")
    return {
        "context": lambda doc: module.realworldqa_doc_to_text(doc, prompts("")),
        "filter": filtered_by(module.NumberWordsToDigitsFilter(), module.MultiChoiceRegexFilter(regex_pattern="x")),
        "values": lambda doc, text: exact_match(doc, text, doc["answer"]),
        "metrics": {"exact_match": mean},
    }


def ai2d():
    module = utils("ai2d")
    target = lambda doc: module.ai2d_doc_to_target(doc, "mcq")
    return {
        "context": lambda doc: module.ai2d_doc_to_text(doc, prompts(LETTER)),
        "target": target,
        "filter": filtered_by(module.MultiChoiceRegexFilter(regex_pattern="x")),
        "values": lambda doc, text: exact_match(doc, text, target(doc)),
        "metrics": {"exact_match": mean},
    }


def muirbench():
    module = utils("muirbench")
    return {
        "context": lambda doc: module.muir_doc_to_text(doc, prompts(LETTER)),
        "filter": filtered_by(module.MultiChoiceRegexFilter(regex_pattern="x")),
        "values": lambda doc, text: module.muir_process_results(doc, [text]),
        "metrics": {"muirbench_score_overall": module.muir_aggregation},
    }


def mmmu_val():
    module = utils("mmmu")
    return {
        "context": module.mmmu_doc_to_text,
        "images": lambda doc: image_columns(module, doc),
        "values": lambda doc, text: module.mmmu_process_results(doc, [text]),
        "metrics": {"mmmu_acc": module.mmmu_aggregate_results},
    }


def mmmu_pro(instruction, has_question):
    module = utils("mmmu_pro")
    post = {"post_prompt": instruction}
    task = {
        "context": (lambda doc: module.mmmu_pro_doc_to_text(doc, post)) if has_question else (lambda doc: instruction),
        "values": lambda doc, text: module.mmmu_pro_process_results(doc, [text]),
        "metrics": {"mmmu_acc": module.mmmu_pro_aggregate_results},
    }
    return {**task, "images": lambda doc: image_columns(module, doc)} if has_question else task


def mmstar():
    module = utils("mmstar")
    return {
        "context": lambda doc: module.mmstar_doc_to_text(doc, prompts(LETTER[:-1])),
        "values": lambda doc, text: module.mmstar_process_results(doc, [text]),
        "metrics": {name: module.mmstar_aggregate_results for name in [*module.eval_type_dict, "average"]},
    }


def mme():
    module = utils("mme")
    return {
        "context": lambda doc: module.mme_doc_to_text(doc, prompts("\nAnswer the question using a single word or phrase.")),
        "values": lambda doc, text: module.mme_process_results(doc, [text]),
        "metrics": {f"mme_{name}_score": module.mme_aggregate_results for name in ["perception", "cognition"]},
    }


def seedbench():
    module = utils("seedbench")
    return {
        "context": module.seed_doc_to_text,
        "values": lambda doc, text: module.seed_process_result(doc, [text]),
        "metrics": {f"seed_{name}": module.seed_aggregation_result for name in ["image", "video", "all"]},
    }


def chartqa():
    module = utils("chartqa")
    return {
        "context": lambda doc: module.chartqa_doc_to_text(doc, prompts("\nAnswer the question with a single word.")),
        "values": lambda doc, text: module.chartqa_process_results(doc, [text]),
        "metrics": {f"relaxed_{name}": mean for name in ["overall", "human_split", "augmented_split"]},
    }


def detailcaps():
    module = utils("detailcaps")
    return {
        "context": lambda doc: module.detailcaps_doc_to_text(doc, {"prompt": "Describe this image in detail."}),
        "target": module.detailcaps_doc_to_target,
        "values": lambda doc, text: module.detailcaps_process_result(doc, [text]),
        "metrics": {},
    }


MMMU_PRO = "Answer with the option letter from the given choices directly."
TASKS = {
    "mmmu_val": mmmu_val,
    "mmmu_pro_standard": lambda: mmmu_pro(MMMU_PRO, True),
    "mmmu_pro_vision": lambda: mmmu_pro(MMMU_PRO, False),
    "mmstar": mmstar,
    "mme": mme,
    "seedbench": seedbench,
    "mmbench_en_dev": mmbench,
    "realworldqa": realworldqa,
    "ai2d": ai2d,
    "chartqa": chartqa,
    "muirbench": muirbench,
    "detailcaps": detailcaps,
}


def outcome(task, doc, answered):
    made = {"context": task["context"](doc)}
    if "images" in task:
        made["images"] = task["images"](doc)
    made["target"] = task.get("target", answer)(doc)
    made["filtered"] = task.get("filter", no_filter)(answered, doc)
    # The harness strips what a task scores.
    made["values"] = task["values"](doc, made["filtered"].strip())
    return made


def scored(name, cases):
    task = TASKS[name]()
    random.seed(0)
    outcomes = [outcome(task, case["doc"], case["answer"]) for case in cases]
    metrics = {}
    for metric, aggregate in task["metrics"].items():
        values = [one["values"][metric] for one in outcomes if metric in one["values"]]
        metrics[metric] = aggregate(values) if values else None
    return {"cases": outcomes, "metrics": metrics}


def plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value


def main():
    warnings.filterwarnings("ignore")
    cases = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):
        prepare()
        results = {name: scored(name, cases[name]) for name in cases}
    json.dump(plain(results), sys.stdout, ensure_ascii=False)


if __name__ == "__main__":
    main()
