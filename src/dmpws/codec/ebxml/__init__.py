"""ebXML (ebRIM 3.0, ebRS 3.0) as XDS.b writes it, in both directions."""
