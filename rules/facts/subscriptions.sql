-- Renewals paid by as_of.
WITH paid AS (
    SELECT subject_id, count(*) AS times
    FROM renewals
    JOIN subjects USING (subject_id)
    WHERE paid_on <= as_of
    GROUP BY subject_id
)
SELECT
    subscriptions.subject_id,
    coalesce(paid.times, 0) AS renewals_paid,
    least(renewals_paid, 8) AS subscription_rank
FROM subscriptions
SEMI JOIN subjects USING (subject_id)
LEFT JOIN paid USING (subject_id)
