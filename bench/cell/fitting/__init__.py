"""One method fitted to one episode, in steps that can be timed apart."""
