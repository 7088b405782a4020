"""Reading contracts, ours and those of others, to compare what they promise."""
