-- How the user paid earlier floats back. The latest is the one that was settled last: one that is past due is being
-- settled today, and of the floats of one day a late one counts as the later.
WITH ranked AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY subject_id ORDER BY is_settled DESC, coalesce(repaid, as_of) DESC, was_late DESC
        ) AS place
    FROM floats_as_of()
),
counted AS (
    SELECT
        subject_id,
        count(repaid) AS repaid,
        count(*) FILTER (repaid IS NULL) AS outstanding,
        count(*) FILTER (is_late) AS late,
        count(*) FILTER (was_late) AS ever_late,
        coalesce(min(place) FILTER (was_late) - 1, count(*) FILTER (is_settled)) AS streak,
        min(as_of - coalesce(repaid, as_of)) FILTER (was_late) AS days_since_late,
        count(*) FILTER (is_settled AND place <= 6) AS settled_of_6,
        count(*) FILTER (is_settled AND place <= 6 AND NOT was_late) AS on_time_of_6,
        ratio(
            sum(collection_failures) FILTER (is_owed), sum(collection_attempts) FILTER (is_owed)
        ) AS error_ratio,
        max(amount) FILTER (repaid IS NOT NULL) AS largest_repaid
    FROM ranked
    GROUP BY subject_id
)
SELECT
    float_histories.subject_id,
    coalesce(counted.repaid, 0) AS float_count,
    least(float_count, 8) AS float_rank,
    coalesce(counted.outstanding, 0) AS outstanding_floats,
    coalesce(counted.late, 0) AS late_floats,
    coalesce(counted.ever_late, 0) AS floats_ever_late,
    coalesce(counted.streak, 0) AS on_time_streak,
    counted.days_since_late,
    coalesce(counted.settled_of_6, 0) AS repayments_of_6,
    coalesce(counted.on_time_of_6, 0) AS on_time_of_6,
    coalesce(counted.error_ratio, 0) AS collection_error_ratio,
    coalesce(counted.largest_repaid, 0) AS largest_repaid
FROM float_histories
SEMI JOIN subjects USING (subject_id, currency)
LEFT JOIN counted USING (subject_id)
