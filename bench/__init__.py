"""Benchmark harness for parameter-efficient ways of adapting CLIP-like vision-language models."""

__version__ = "0.1.0"
