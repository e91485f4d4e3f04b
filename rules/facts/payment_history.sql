-- How earlier loans were paid back. An instalment is due once its day is over; one that was paid only after as_of
-- was still open then.
WITH due AS (
    SELECT
        instalments.subject_id,
        due_on,
        coalesce(CASE WHEN paid_on <= as_of THEN paid_on END, as_of) - due_on AS days_past_due
    FROM instalments
    JOIN subjects USING (subject_id)
    WHERE due_on < as_of
)
SELECT
    subject_id,
    any_value(write_offs) AS write_offs,
    count(due_on) AS instalments_due,
    ratio(count(*) FILTER (days_past_due <= 0), count(due_on)) AS on_time_ratio,
    greatest(0, coalesce(max(days_past_due), 0)) AS worst_days_past_due
FROM payment_histories
LEFT JOIN due USING (subject_id)
GROUP BY subject_id
