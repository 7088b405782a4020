"""Frames: messages and documents as files, read, judged without a server, and sent."""
