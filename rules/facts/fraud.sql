-- The fraud service's word, and the best match on our lists; each may be missing on its own.
SELECT subject_id, match_score AS list_match_score, identity_consistent, applications_30d, device_risk
FROM subjects
LEFT JOIN fraud_reports USING (subject_id)
LEFT JOIN list_screenings USING (subject_id)
