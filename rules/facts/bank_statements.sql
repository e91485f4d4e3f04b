-- Six months of the main account: how complete, how stable, how often below zero.
WITH period AS (
    SELECT * FROM statement_period()
),
-- Every line of the covered days, and before them an entry for the opening balance.
entries AS (
    SELECT
        subject_id, window_start, covered_to,
        covered_from AS day, -1 AS line_no, opening_balance AS balance, 0 AS spending, 'opening' AS category
    FROM period
    UNION ALL
    SELECT
        subject_id, window_start, covered_to,
        booked_on AS day, line_no, balance, spending(amount, category) AS spending, category
    FROM statement_lines
    JOIN period USING (subject_id)
    WHERE booked_on BETWEEN covered_from AND covered_to
),
-- A balance is valid until the day of the next entry, so the last entry of a day has the balance at its end.
standing AS (
    SELECT *, lead(day, 1, covered_to + 1) OVER (PARTITION BY subject_id ORDER BY day, line_no) AS until
    FROM entries
),
daily AS (
    SELECT
        subject_id,
        sum(greatest(0, until - greatest(day, window_start))) FILTER (balance < 0) AS negative_days,
        count(*) FILTER (day >= window_start AND category = 'returned') AS returned,
        count(*) FILTER (day >= window_start AND category IS NULL) AS unclassified
    FROM standing
    GROUP BY subject_id
),
months AS (
    SELECT
        subject_id,
        month_start(as_of, months_ago) AS first_of_month,
        last_day(first_of_month) AS month_end,
        first_of_month >= covered_from AS is_whole
    FROM period, (SELECT unnest(range(1, 7))::INTEGER AS months_ago)
    WHERE month_end BETWEEN covered_from AND covered_to
),
-- Those of the six months that are not covered.
missing_months AS (
    SELECT subject_id, string_agg(strftime(first_of_month, '%Y-%m'), ', ' ORDER BY first_of_month) AS missing
    FROM (
        SELECT subject_id, month_start(as_of, months_ago) AS first_of_month
        FROM period, (SELECT unnest(range(1, 7))::INTEGER AS months_ago)
    )
    ANTI JOIN months USING (subject_id, first_of_month)
    GROUP BY subject_id
),
-- The entries of each month, and the one with the balance at its end.
month_totals AS (
    SELECT
        subject_id,
        any_value(balance) FILTER (until > month_end) AS closing_balance,
        sum(if(day >= first_of_month, spending, 0)) FILTER (is_whole) AS spending
    FROM months
    JOIN standing USING (subject_id)
    WHERE day <= month_end AND (day >= first_of_month OR until > month_end)
    GROUP BY subject_id, first_of_month
),
monthly AS (
    SELECT
        subject_id,
        count(*) AS months,
        min(closing_balance) AS lowest,
        variation(closing_balance) AS balance_cv,
        variation(spending) AS spending_cv
    FROM month_totals
    GROUP BY subject_id
),
counted AS (
    SELECT
        subject_id,
        coalesce(monthly.months, 0) AS months_covered,
        missing_months.missing AS months_missing,
        as_of - covered_to AS statement_age_days,
        monthly.lowest AS lowest_month_end_balance,
        monthly.balance_cv AS month_end_balance_cv,
        monthly.spending_cv,
        CASE WHEN window_start <= covered_to THEN coalesce(daily.negative_days, 0) END AS negative_balance_days,
        CASE WHEN window_start <= covered_to AND daily.unclassified = 0 THEN daily.returned END AS returned_payments
    FROM period
    JOIN daily USING (subject_id)
    LEFT JOIN monthly USING (subject_id)
    LEFT JOIN missing_months USING (subject_id)
)
SELECT
    subjects.subject_id,
    coalesce(broken.place, 0) AS broken_statement_line,
    counted.* EXCLUDE (subject_id)
FROM subjects
JOIN statements USING (subject_id, currency)
LEFT JOIN broken_lines() AS broken USING (subject_id)
LEFT JOIN counted USING (subject_id)
WHERE period_start <= as_of
