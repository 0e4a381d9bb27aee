"""LilT's claims (Khan and Fu, ICLR 2023) on the bundled towers: `python -m studies.lilt OUT`; docs/lilt.md tells the answers."""
