"""A run, told to a build server (JUnit) and to people (HTML)."""
