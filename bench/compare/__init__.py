"""One run against another, for people and for continuous integration."""

from bench.compare.pairing import PairedCell, Pairing, pair_cells
from bench.compare.rules import Rule, parse_rule
from bench.compare.verdict import Comparison, Offence, compare

__all__ = ["Comparison", "Offence", "PairedCell", "Pairing", "Rule", "compare", "pair_cells", "parse_rule"]
