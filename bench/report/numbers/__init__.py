"""From records to figures: everything is counted once, nothing is formatted."""
