"""Test helpers shipped with the package: pytest plugin, in-process server, frame builders."""
