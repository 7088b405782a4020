"""Types of the identifiers of a referenceIdList, CX.5 (CI-SIS JDV_J231)."""

ORDER = "urn:ihe:iti:xds:2013:order"
ACCESSION = "urn:ihe:iti:xds:2013:accession"
STUDY = "urn:ihe:iti:xds:2016:studyInstanceUID"
"""The type that is unique without an authority."""
