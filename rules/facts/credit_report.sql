-- The bureau's file. A thin file has no score; nothing drawn is no utilisation, whatever the limit.
SELECT
    credit_reports.subject_id,
    any_value(score) AS credit_score,
    any_value(CASE WHEN revolving_balance = 0 THEN 0 ELSE ratio(revolving_balance, revolving_limit) END)
        AS revolving_utilisation,
    count(*) FILTER (kind = 'delinquency' AND occurred_on > as_of - INTERVAL 24 MONTH) AS delinquencies_24m,
    count(*) FILTER (kind = 'insolvency') AS insolvencies,
    count(*) FILTER (kind = 'inquiry' AND occurred_on > as_of - INTERVAL 6 MONTH) AS inquiries_6m
FROM credit_reports
JOIN subjects USING (subject_id, currency)
LEFT JOIN credit_events
    ON credit_reports.subject_id = credit_events.subject_id AND credit_events.occurred_on <= subjects.as_of
GROUP BY credit_reports.subject_id
