"""`dmpws bench`: throughput of the server, and its ratio to the floor measured in the same run."""
