"""Test helpers shipped with the package: pytest plugin, servers in this process and beside it, frame builders."""
