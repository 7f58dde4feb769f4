"""What lmms-eval calls for a task about several pictures with options, whose documents lie in this folder."""

from pathlib import Path

from PIL import Image, ImageOps

LETTERS = "ABCD"


def pictures(doc):
    return [ImageOps.exif_transpose(Image.open(Path(__file__).parent / path)) for path in doc["images"]]


def question(doc):
    return doc["question"]


def score(doc, answers):
    """The letter of the option that the answer is."""
    words = [" ".join(text.lower().replace("-", " ").split()) for text in [answers[0].rstrip(". "), *doc["options"]]]
    return {"exact": float(words[0] in words[1:] and words[1:].index(words[0]) == LETTERS.index(doc["answer"]))}
