"""XML signatures: the signxml core of both uses, and the rules of the lot of submission."""
