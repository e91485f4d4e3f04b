-- Our own record of the limit. If it was raised or lowered after as_of, the limit on as_of is unknown.
WITH standing AS (
    SELECT subject_id, currency, as_of, amount, raised_on, lowered_on, runs_below, below_since
    FROM current_limits
    JOIN subjects USING (subject_id, currency)
    WHERE coalesce(raised_on <= as_of, TRUE) AND coalesce(lowered_on <= as_of, TRUE)
),
since AS (
    SELECT subject_id, count(*) AS on_time
    FROM floats_as_of()
    JOIN standing USING (subject_id)
    WHERE repaid IS NOT NULL AND NOT was_late AND (raised_on IS NULL OR repaid > raised_on)
    GROUP BY subject_id
)
SELECT
    standing.subject_id,
    amount AS current_limit,
    as_of - raised_on AS days_since_raise,
    as_of - lowered_on AS days_since_lowering,
    CASE WHEN float_histories.subject_id IS NOT NULL THEN coalesce(since.on_time, 0) END AS on_time_since_raise,
    runs_below,
    CASE WHEN runs_below > 0 THEN as_of - below_since END AS days_below
FROM standing
LEFT JOIN float_histories USING (subject_id, currency)
LEFT JOIN since ON standing.subject_id = since.subject_id
