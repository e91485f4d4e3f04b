-- What the fraud service states, and the best match on our lists; either may be missing.
SELECT
    subject_id,
    match_score AS list_match_score,
    -- Where no detail beside the name was compared, none confirms the match.
    CASE WHEN match_score IS NOT NULL THEN coalesce(confirmed_score, 0) END AS list_confirmed_score,
    match_evidence AS list_match_evidence,
    list_age_days,
    identity_consistent,
    applications_30d,
    device_risk
FROM subjects
LEFT JOIN fraud_reports USING (subject_id)
LEFT JOIN list_screenings USING (subject_id)
