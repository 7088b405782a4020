"""The VIHF: token model, ordered checks, policy and verdict; and how a client makes one."""
