-- What several queries read out of the histories of users.

-- Floats as they stood on as_of. One is due once its day is over; it is settled when it was repaid or is past due.
CREATE MACRO floats_as_of() AS TABLE
SELECT
    subject_id,
    as_of,
    amount,
    due_on,
    CASE WHEN repaid_on <= as_of THEN repaid_on END AS repaid,
    repaid IS NULL AND due_on < as_of AS is_late,
    is_late OR coalesce(repaid > due_on, FALSE) AS was_late,
    is_late OR repaid IS NOT NULL AS is_settled,
    collection_attempts,
    collection_failures
FROM floats
JOIN subjects USING (subject_id)
WHERE taken_on <= as_of;
