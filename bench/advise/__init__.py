"""Which method for these data, and how to use it: chosen by folds of the labelled train examples, within minutes.

asked     what was asked for                      known      what is known of a method before it is fitted
limits    what it may cost                        forecast   how long a cell is likely to take
entrants  methods and what they scored on folds   search     which cell comes next, until the time is up
expected  what the chosen one will score          curve      what more labels would bring
job       all of it, in order                     advice     the answer; lines, page: how it is shown
"""

from bench.advise.advice import Advice, read_advice
from bench.advise.asked import Asked
from bench.advise.job import advise
from bench.advise.limits import NO_LIMITS, Limits, parse_limits

__all__ = ["NO_LIMITS", "Advice", "Asked", "Limits", "advise", "parse_limits", "read_advice"]
