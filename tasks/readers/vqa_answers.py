"""How VQA's official evaluation compares answers: made alike first, then worth what the ten annotators make of them.

Made alike (visualqa.org/evaluation): lower case; no period unless it is a decimal point; number words as digits; no
articles; the apostrophe of contractions put back; other punctuation a space, but for apostrophe and colon, and a comma
between digits nothing. The signs % $ & # * stay, as in the official code.

Worth: an answer that m of the other annotators gave is worth min(1, m / 3); this is averaged over leaving out each of the
n annotators in turn (Antol et al., ICCV 2015). Given by k of n:

    (k min(1, (k - 1) / 3) + (n - k) min(1, k / 3)) / n         n = 10: 0, 0.3, 0.6, 0.9, 1, 1, ...
"""

from __future__ import annotations

import re
from functools import cache

DIGITS = {
    word: str(number)
    for number, word in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))
} | {"none": "0"}
ARTICLES = frozenset({"a", "an", "the"})
# Only those that are no other word without their apostrophe: "were", "ill", "its" stay as they are.
_CONTRACTIONS = """
    ain't aren't can't couldn't could've didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's i'm i've
    isn't it'd it'll ma'am mightn't might've mustn't must've needn't oughtn't shan't shouldn't should've somebody's someone's
    something's that'd that's there'd there're there's they'd they'll they're they've 'twas wasn't weren't we've what'll
    what're what's what've when's where'd where's where've who'd who'll who's who've why'll why're why's won't wouldn't
    would've y'all you'd you'll you're you've
"""
CONTRACTIONS = {word.replace("'", ""): word for word in _CONTRACTIONS.split()}
_PUNCTUATION = re.compile(r"""[;/\[\]"{}()=+\\_\-><@`,?!]""")
_COMMA_IN_NUMBER = re.compile(r"(?<=\d),(?=\d)")
_PERIOD = re.compile(r"\.(?!\d)|(?<!\d)\.(?=\d)")


@cache
def normalised(answer: str) -> str:
    """The answer as the evaluation compares it."""
    text = _COMMA_IN_NUMBER.sub("", answer.lower())
    text = _PUNCTUATION.sub(" ", _PERIOD.sub("", text))
    words = (DIGITS.get(word, word) for word in text.split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def worth(given: int, annotators: int = 10) -> float:
    """Of an answer that `given` of the annotators gave, 0..1."""
    without_one, without_other = min(1.0, (given - 1) / 3), min(1.0, given / 3)
    return (given * without_one + (annotators - given) * without_other) / annotators if given else 0.0
