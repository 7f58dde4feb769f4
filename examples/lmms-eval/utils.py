"""What lmms-eval calls for the tasks of this folder: recipes/emoji-small, in LLaVA's format."""

from pathlib import Path

from PIL import Image

DATA = Path(__file__).parents[2] / "recipes" / "emoji-small"


def pictures(doc):
    return [Image.open(DATA / doc["image"]).convert("RGB")]


def question(doc):
    return said(doc, "human").removeprefix("<image>\n")


def answer(doc):
    return said(doc, "gpt")


def score(doc, answers):
    """Called as the metric of `diffusionvl eval` is, so that `eval compare` sets both beside each other."""
    return {"exact": float(plain(answers[0]) == plain(answer(doc)))}


def said(doc, who):
    return next(turn["value"] for turn in doc["conversations"] if turn["from"] == who)


def plain(text):
    """Without differences of case, of marks and of what stands behind the first line."""
    first, *_ = text.strip().splitlines() or [""]
    words = "".join(letter if letter.isalnum() else " " for letter in first.lower())
    return " ".join(words.split())
