"""Makes cases.json: invented inputs, and what the functions of lmms-eval 0.3.0 make of them.

    python make.py     # needs what ../../../authors-scores/authors.py needs

Stages of the wrappers and of the harness are restated here, from what is documented of them: they cannot be run alone.
"""

import contextlib
import hashlib
import io
import json
import math
import random
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "../../../authors-scores"))
import authors  # noqa: E402

CASES = []


def case(task, stage, expected, **inputs):
    number = sum(one["task"] == task and one["stage"] == stage for one in CASES) + 1
    CASES.append({"id": f"{task}/{stage}/{number}", "task": task, "stage": stage, **inputs, "expected": expected})


def mmmu():
    module = authors.utils("mmmu")
    for response, options in [("(C) or (A)", ["x", "y", "z"]), ("it must be the red car then, sure", ["red", "car", "boat"]), ("hm", ["x", "y"])]:
        choices, letters = module.get_multi_choice_info(options)
        random.seed(1)
        state = random.getstate()
        read = module.parse_multi_choice_response(response, letters, choices)
        case("mmmu_val", "parse_multi_choice", read if random.getstate() == state else {"random_choice": letters}, response=response, options=options)
    for response in ["so x = 1,250.5", "The answer is a\nAlso 7e2", "１２ cats.", "\u00a0.5\u00a0"]:
        case("mmmu_val", "parse_open", module.parse_open_response(response), response=response)
        case("mmmu_val", "score_open", module.eval_open("0.5", module.parse_open_response(response)), gold="0.5", response=response)
    doc = {"id": "dev_Art_Theory_12", "question": "Which <image 2>?", "options": "['a\\n', \"b's\"]", "question_type": "multiple-choice"}
    case("mmmu_val", "prompt", module.mmmu_doc_to_text(doc), doc=doc)
    case("mmmu_val", "image_fields", ["image_2"], doc=doc)
    case("mmmu_val", "subject_from_id", module.extract_subset_name(doc["id"]), doc_id=doc["id"])
    case("mmmu_val", "parse_options_literal", ["a\n", "b's"], options_source=doc["options"])
    results = [{"id": f"validation_{s}_{i}", "subdomain": s, "question_type": "open", "answer": "1", "parsed_pred": [p]} for i, (s, p) in enumerate([("Art", 1.0), ("Art", " 1"), ("Math", "x"), ("Law", 1.0), ("Law", 2.0), ("Law", "1 ")])]
    case("mmmu_val", "aggregate", module.mmmu_aggregate_results(results), results=results)


def readers():
    mmstar, mme, chartqa = authors.utils("mmstar"), authors.utils("mme"), authors.utils("chartqa")
    for response in ["The answer is b", "option", "Boat"]:
        case("mmstar", "score", mmstar.exact_match(response, "B"), gold="B", response=response)
    for response in ["N.o", "I say no", "unknown"]:
        case("mme", "parse_yes_no", mme.parse_pred_ans(response), response=response)
    for response, gold in [("10.5%", "10%"), ("0.0", "0"), ("1_000", "1000"), ("Inf", "inf")]:
        case("chartqa", "relaxed_correctness", bool(chartqa.relaxed_correctness(response, gold)), response=response, gold=gold)
    answers = [("human_test", "5", "5"), ("x", "red", "Blue"), ("y", "21", "20")]
    scores = [chartqa.chartqa_process_results({"type": t, "answer": gold}, [response]) for t, response, gold in answers]
    expected = {f"relaxed_{n}": authors.mean([s[f"relaxed_{n}"] for s in scores if f"relaxed_{n}" in s]) for n in ["overall", "human_split", "augmented_split"]}
    case("chartqa", "aggregate", expected, results=[{"type": t, "response": response, "gold": gold} for t, response, gold in answers])
    pairs = [("count", "1", 1.0), ("count", "1", 1.0), ("OCR", "1", 0.0), ("OCR", "1", 1.0), ("OCR", "2", 1.0), ("OCR", "2", 1.0)]
    results = [{"question_id": q, "category": c, "score": s} for c, q, s in pairs]
    case("mme", "aggregate", mme.mme_aggregate_results(results), results=results)
    for gold, response in [("B", "b"), ("C", "𝐂")]:
        value = authors.utils("seedbench").seed_process_result({"answer": gold, "data_type": "image", "question_id": 1}, [response])
        case("seedbench", "score", authors.utils("seedbench").seed_aggregation_result([value["seed_all"]]) == 1, gold=gold, response=response)


def filters():
    question = "In the U.S. which?\nA. Left\nB. Left turn\nPick one."
    for name, gold, response, more in [
        ("realworldqa", "B", " Left, turn! ", {"question": question}),
        ("realworldqa", "3", "Three", {"question": "How many?"}),
        ("ai2d", "B", "\u00a0B. stem", {}),
        ("ai2d", "A", "(a).", {}),
        ("muirbench", "B", "B. yes", {}),
        ("muirbench", "B", "B)", {}),
    ]:
        task = authors.TASKS[name]()
        filtered = task["filter"](response, {"question": "", **more})
        text = filtered.strip()
        if name == "muirbench":
            doc = {"task": "t", "idx": 0, "image_relation": "", "answer": gold, "image_type": ""}
            outcome = {"correct": task["metrics"]["muirbench_score_overall"]([task["values"](doc, text)["muirbench_score_overall"]]) == 1}
        else:
            outcome = {"score": authors.exact_match({}, text, gold)["exact_match"]}
        case(name, "filter_and_score", {"filtered": filtered, **outcome}, gold=gold, response=response, **more)


def prompts():
    question = {"question": " What? Please answer yes or no. ", "hint": "", "answer": "1", "options": ["x", "<image>"]}
    lettered = {**dict(zip("ABCD", ["x", "nan", "", "y"])), **{f"choice_{c}": c.upper() * 2 for c in "abcd"}}
    about = {"category": "c", "L2-category": "l", "index": 7, "source": "s", "split": "dev"}
    doc = {**question, **lettered, **about}
    for name in ["mmstar", "mme", "seedbench", "mmbench_en_dev", "realworldqa", "ai2d", "chartqa", "muirbench", "detailcaps"]:
        case(name, "prompt", authors.TASKS[name]()["context"](doc), doc=doc)
    case("ai2d", "target", authors.TASKS["ai2d"]()["target"](doc), doc=doc)


def mmbench():
    module = authors.utils("mmbench", "en_utils").mmbench_evaluator
    options = dict(zip("ABCD", ["cat", "dog", "nan", "nan"]))
    for prediction in ["A dog sits there", "B) or B.", "A banana"]:
        case("mmbench_en_dev", "infer_option", module.can_infer(prediction, dict(options)) or None, prediction=prediction, options={"A": "cat", "B": "dog"})
    module.get_chat_response = lambda *_, **__: "Failed to obtain answer via API"
    rows = [(3, "A", "A", "c1"), (1000003, "B", "dog", "c1"), (5, "D", "hm", "c2"), (9, "E", "hm", "c2"), (12, "A", "B", "c1")]
    results = [{"index": i, "answer": a, "prediction": p, "category": c, "L2-category": f"l{i % 2}", "question": "Q", **options} for i, a, p, c in rows]
    overall, category, second = module.eval_result([dict(row) for row in results], eval_method="openai")
    expected = {"overall_acc": overall, "category_acc": category, "l2_category_acc": second, "gpt_eval_score": overall * 100}
    case("mmbench_en_dev", "circular_eval", expected, results=results)


def numbers():
    random.seed(99)
    case("rng", "choice_sequence", [chr(65 + random.choice(range(n))) for n in [3, 9, 1, 12, 5]], seed=99, sizes=[3, 9, 1, 12, 5])
    random.seed(2680)
    case("rng", "mmbench_fallback_sequence", ["ABCDE"[random.randint(0, 4)] for _ in range(7)], seed=2680, count=7)
    values = [0.0, 1.0, 1.0, 0.5]
    middle = sum(values) / 4
    case("harness", "mean_stderr", math.sqrt(sum((v - middle) ** 2 for v in values) / 3) / 2, values=values)
    raw = [[0.9, 0.95, 0.5], [0.0]]
    case("detailcaps", "bertscore_from_raw_f", sum((max(f) - 0.83122575) / (1 - 0.83122575) for f in raw) / 2, raw_f=raw)
    case("wrapper", "speed", {"tps_total": 4.0, "tps_per_gpu": 2.0}, total_tokens=10, duration_s=2.5, world_size=2)


def harness():
    for decoded, stops in [(" It is 3.\nSo", []), ("a<|im_end|>b.", []), ("one; two.", [";"])]:
        text = decoded
        for stop in ["<|im_end|>", "\n", *stops]:
            text = text.split(stop)[0]
        text = text.strip()
        case("wrapper", "clean_generation", text.removesuffix("."), decoded=decoded, separator="<|im_end|>", stopping_criteria=stops)
    system = "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
    case("wrapper", "qwen_prompt", f"{system}<|im_start|>user\n<image> <image>\nHi <image 1><|im_end|>\n<|im_start|>assistant\n", context="Hi <image 1>", num_images=2)
    case("harness", "sha256", hashlib.sha256("½\n".encode()).hexdigest(), text="½\n")
    for limit, expected in [(None, None), (0.21, 3), (7.9, 7)]:
        case("harness", "limit", expected, limit=limit, num_docs=11)
    case("harness", "rank_docs", [1, 5, 9], num_docs=30, rank=1, world_size=4, limit=10)
    requests = [{"context": c, "num_tokens": n} for c, n in [("b", 1), ("𝐀", 1), ("ﬁ", 1), ("long", 4)]]
    ordered = sorted(requests, key=lambda r: (-r["num_tokens"], r["context"]))
    case("harness", "execution_order", [r["context"] for r in ordered], requests=requests)
    for name in ["/runs/a model", "hub/na<me>:x", "folder/name/"]:
        case("harness", "sanitize_model_name", re.sub(r"[\"<>:/\|\\?\*\[\]]+", "__", "/".join(name.split("/")[-2:])), model_name=name)
    cli = {"steps": 4, "until": ["x"]}
    case("mmstar", "generation_kwargs", {"task_file": {"until": ["\n\n"], "do_sample": False}, "effective": {"until": ["x"], "do_sample": False, "steps": 4}}, cli=cli)
    case("chartqa", "result_keys", ["alias", *(f"relaxed_{n}{e},none" for n in ["overall", "human_split", "augmented_split"] for e in ["", "_stderr"])])


def sample_record():
    doc = {"idx": "1", "image_type": "x", "question": "Q <image>", "options": ["a", "b"], "answer": "A", "task": "t", "image_relation": "r"}
    task = authors.TASKS["muirbench"]()
    context, filtered = task["context"](doc), task["filter"]("A. a", doc)
    names = ["max_new_tokens", "temperature", "do_sample", "gen_length", "steps", "remasking_strategy", "cfg", "remasking", "block_length"]
    names += ["image_grid_thws", "stopping_criteria", "image_sizes", "tokenizer"]
    digest = lambda text: hashlib.sha256(text.encode()).hexdigest()
    record = {
        "doc_id": 4,
        "doc": {key: value for key, value in doc.items() if "image" not in key},
        "target": "A",
        "arguments": {str(i): name for i, name in enumerate(names)},
        "resps": [["A. a"]],
        "filtered_resps": [filtered],
        "doc_hash": digest("null"),
        "prompt_hash": digest(context),
        "target_hash": digest("A"),
        **task["values"](doc, filtered),
        "input": context,
    }
    case("muirbench", "sample_record", record, doc=doc, doc_id=4, response="A. a")


def main():
    authors.prepare()
    with contextlib.redirect_stdout(io.StringIO()):
        for make in [mmmu, readers, filters, prompts, mmbench, numbers, harness, sample_record]:
            make()
    lines = ",\n".join(json.dumps(authors.plain(one), ensure_ascii=False) for one in CASES)
    (HERE / "cases.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
