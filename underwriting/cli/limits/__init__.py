"""`underwriting limits`: runs, releases, policies, comparisons."""
