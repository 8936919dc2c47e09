"""Prose is plain technical English: none of the private turns that it was once full of."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("benchmarks", "clients", "docs", "hiir", "service", "README.md", "CONTRIBUTING.md")
SUFFIXES = {".lua", ".md", ".py", ".yaml"}
# In a model's card: what its weights file says of its data, word for word.
QUOTED = "| data | "
# Each with a sentence that it must find.
TURNS = {
    r"\bwhoever\b": "Whoever has a key.",
    r"\bwho (?:asks|waits|is not here)\b": "Who asks, and whether they may.",
    r"\bnobody\b(?! asks| has claimed| took)": "While nobody can tell.",
    r"\bfor ever\b": "Probes come every few seconds for ever.",
    r"\banew\b": "Start the blob's lifetime anew.",
    r"\bas if it had (?:never|not)\b": "Remove a job as if it had never been.",
    r"\b(?:is|are|was|stays?|stayed) away\b": "Every method raises while Redis is away.",
    r"\bg(?:ive|ives|iven|ave) back\b": "Put the job back, not counted: it is given back.",
    r"\btold\b|\btells? (?:of|the|it|its|all)\b": "What Prometheus is told.",
    r"\b(?:a|at each|one|two) looks?\b": "Time between two looks of the reaper.",
    r"\bone's own\b": "Queue one image under an id of one's own.",
    r"\bhow [\w ]{1,30}stands?\b": "Tell how each file of a batch stands.",
    r"\b(?:is|are) no (?:folder|file|text|image|model|multiple|noise|reason)\b": "It is no folder.",
    r"\b(?:that|or) is none\b|\bwhich are none\b": "For a text that is none.",
    r"\b(?:held|holds?|holding) (?:\w+ ){0,3}against\b": "Methods that a model is held against.",
    r"\b(?:all|of|fixed|to) chance\b|\bwhat chance does\b": "The seed of all chance.",
    r"\bsomebody\b": "Until somebody waits for it.",
    r"\bfound out\b": "The layout is found out.",
    r"\btakes, gives\b|\bof all else\b": "It takes, gives three channels.",
    r'(?<!")\b(?:colour|honoured|neighbour|fulfils|licence)': "The colour profile is honoured.",
    r"\bof a fault of ours\b|\ba fault of ours\b": "A fault of ours.",
    r"\bin good order\b": "The end of the process, in good order.",
    r"\bhas not enough\b|\bhad not enough\b": "The worker had not enough memory.",
    r"\bworth a look\b|\blook is worth\b": "Seconds until a look is worth it.",
    r"\bmay (?:have|take) \{": "A job may take {limit} seconds.",
    r"\bheld beside\b": "The drawn was held beside the real pairs.",
}


def lines() -> Iterator[tuple[str, str]]:
    for place in PLACES:
        root = ROOT / place
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.suffix in SUFFIXES and "node_modules" not in path.parts:
                for number, line in enumerate(path.read_text().splitlines(), start=1):
                    if not line.startswith(QUOTED):
                        yield f"{path.relative_to(ROOT)}:{number}", line


@pytest.mark.parametrize("turn", TURNS)
def test_a_turn_is_not_used(turn: str) -> None:
    found = [where for where, line in lines() if re.search(turn, line, re.IGNORECASE)]
    assert found == []


@pytest.mark.parametrize(("turn", "sentence"), TURNS.items())
def test_a_turn_is_found(turn: str, sentence: str) -> None:
    assert re.search(turn, sentence, re.IGNORECASE)
