-- What the user service states. A status under the Military Lending Act counts from the day it was looked up.
SELECT
    subject_id,
    TRUE AS user_found,
    good_standing,
    fraud_hit,
    segment,
    CASE WHEN covered_borrower_on <= as_of THEN covered_borrower END AS user_covered_borrower,
    CASE WHEN covered_borrower_on <= as_of AND covered_borrower IS NOT NULL THEN as_of - covered_borrower_on END
        AS user_covered_borrower_age_days
FROM users
JOIN subjects USING (subject_id)
UNION ALL BY NAME
SELECT subject_id, FALSE AS user_found
FROM unknown_people
