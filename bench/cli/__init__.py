"""The command line; thin over `bench.api`.

Exit codes: 0 all cells ok or not applicable, 1 some failed, 2 something that the user must put right,
130 stopped by Ctrl-C (the same command goes on with what is missing).
"""

from __future__ import annotations

import sys
import warnings

import click

from bench import __version__
from bench.cli.advising import advise
from bench.cli.comparing import compare
from bench.cli.console import OneLineErrors
from bench.cli.doctor import doctor
from bench.cli.keeping import clean, merge, rescore, status
from bench.cli.listing import list_
from bench.cli.own import tasks
from bench.cli.proving import check, docs, verify
from bench.cli.report import report
from bench.cli.run import run
from bench.cli.using import predict


class Verbs(OneLineErrors, click.Group):
    """All of them."""


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Compare parameter-efficient ways of adapting CLIP-like models."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # the libraries' warnings say nothing to the user of a command


for verb in (run, advise, predict, list_, tasks, report, status, compare, merge, rescore, clean, verify, check, docs, doctor):
    main.add_command(verb)
