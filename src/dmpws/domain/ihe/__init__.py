"""What a submission, an update or a removal must be in profile `ihe`: IHE's own rules, without those of the DMP."""
