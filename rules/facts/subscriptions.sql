-- Renewals paid by as_of. One is due once its day is over.
WITH due AS (
    SELECT subject_id, as_of, due_on, coalesce(paid_on <= as_of, FALSE) AS is_paid
    FROM renewals
    JOIN subjects USING (subject_id)
    WHERE paid_on <= as_of OR due_on < as_of
),
-- Of each user's renewals the last that is due and not paid.
counted AS (
    SELECT *, max(due_on) FILTER (NOT is_paid) OVER (PARTITION BY subject_id) AS unpaid_on
    FROM due
),
paid AS (
    SELECT
        subject_id,
        count(*) FILTER (is_paid) AS times,
        count(*) FILTER (is_paid AND coalesce(due_on > unpaid_on, TRUE)) AS in_a_row,
        min(as_of - due_on) FILTER (is_paid) AS days_since
    FROM counted
    GROUP BY subject_id
)
SELECT
    subscriptions.subject_id,
    coalesce(paid.times, 0) AS renewals_paid,
    least(renewals_paid, 8) AS subscription_rank,
    coalesce(paid.in_a_row, 0) AS renewals_in_a_row,
    at_least_zero(paid.days_since) AS days_since_renewal
FROM subscriptions
SEMI JOIN subjects USING (subject_id)
LEFT JOIN paid USING (subject_id)
