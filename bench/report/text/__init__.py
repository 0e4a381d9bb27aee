"""Figures as text: Markdown, LaTeX, CSV, JSON, the terminal."""
