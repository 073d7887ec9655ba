"""How many calls may be under way at once."""
