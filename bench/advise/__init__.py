"""Which method for these data, and how to use it: chosen by folds of the labelled train examples, within minutes.

job: all of it, in order
asked: what was asked for; limits: what it may cost
material: the labelled examples that are used, and their folds
field: who takes part; entrants: what they scored; known: what is known of them before a fit
search: which cell comes next, until the time is up; forecast: how long each is likely to take; watch: what is shown
answer: what the search came to; expected: the score, corrected; curve: what more labels would bring
advice: the answer as it is kept; lines, page, curve_plot: as it is shown; kept: the adapter, and how it is used
"""

from bench.advise.advice import Advice, read_advice
from bench.advise.asked import Asked
from bench.advise.job import advise
from bench.advise.limits import NO_LIMITS, Limits, parse_limits

__all__ = ["NO_LIMITS", "Advice", "Asked", "Limits", "advise", "parse_limits", "read_advice"]
