"""The record, its documents and who may open it: no I/O, no XML, nothing imported from the rest of dmpws."""
