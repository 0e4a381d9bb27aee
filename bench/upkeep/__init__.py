"""Looking after results folders: what they hold, bringing several together, scoring again, giving back disk space."""
