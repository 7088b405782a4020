"""XML as every layer reads it: one hardened parser, the namespaces, readable paths. Imports only the domain."""
