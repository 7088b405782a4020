"""dmpws: an open SOAP server for the French Dossier Médical Partagé (DMP) interface."""

__version__ = "0.1.0"
