"""The Czech bank of the PKDD'99 Discovery Challenge ("Berka") as a source of real applications and statements."""
