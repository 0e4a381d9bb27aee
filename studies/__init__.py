"""Questions of single papers, asked with the harness: each a folder that runs from a checkout and says what it found."""
