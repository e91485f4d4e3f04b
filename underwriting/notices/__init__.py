"""Notices to customers under Regulation B and the Fair Credit Reporting Act: what they say, and how they look."""
