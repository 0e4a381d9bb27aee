"""The frozen prefix of the towers, banked."""
