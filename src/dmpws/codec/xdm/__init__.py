"""IHE XDM archives (ITI TF-2 3.32): a copy of documents and their metadata, for people and for software."""
