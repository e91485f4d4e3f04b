"""Pre-screening: may this applicant have a loan? Checks with their rules, the rulebook, and the decision."""
