-- What the bureau states. If the file is missing, closed to us or disputed, or has an alert, the facts about the
-- applicant's credit are unknown: a person has to look first, or the customer has to act.
WITH files AS (
    SELECT credit_reports.*, as_of
    FROM credit_reports
    JOIN subjects USING (subject_id, currency)
    WHERE reported_on <= as_of
),
-- What a person has to look at, the most serious first.
concerns AS (
    SELECT
        subject_id,
        CASE
            WHEN file_status = 'deceased' THEN 'deceased'
            WHEN bool_or(kind = 'fraud_alert') THEN 'fraud_alert'
            WHEN bool_or(kind = 'active_duty') THEN 'active_duty'
            WHEN file_status NOT IN ('frozen', 'locked') AND bool_or(kind = 'security_freeze') THEN 'security_freeze'
            WHEN file_status = 'disputed' THEN 'disputed'
            WHEN file_status IN ('found', 'thin') THEN 'none'
        END AS concern
    FROM files
    LEFT JOIN credit_alerts USING (subject_id)
    GROUP BY subject_id, file_status
),
readable AS (
    SELECT files.*, score BETWEEN score_min AND score_max AND exclusion_code IS NULL AS has_score
    FROM files
    SEMI JOIN (FROM concerns WHERE concern = 'none') AS clear USING (subject_id)
),
entries AS (
    SELECT
        readable.subject_id,
        count(*) FILTER (kind = 'delinquency' AND occurred_on > as_of - INTERVAL 24 MONTH) AS delinquencies,
        count(*) FILTER (kind = 'insolvency') AS insolvencies,
        count(*) FILTER (kind = 'inquiry' AND occurred_on > as_of - INTERVAL 6 MONTH) AS inquiries
    FROM readable
    LEFT JOIN credit_events
        ON readable.subject_id = credit_events.subject_id AND credit_events.occurred_on <= readable.as_of
    GROUP BY readable.subject_id
),
-- Without a balance nothing has to be paid; with one, a payment that is not stated leaves the sum unknown.
debts AS (
    SELECT
        readable.subject_id,
        CASE
            WHEN count(*) FILTER (balance > 0 AND monthly_payment IS NULL) = 0 THEN coalesce(sum(monthly_payment), 0)
        END AS monthly
    FROM readable
    LEFT JOIN liabilities USING (subject_id)
    GROUP BY readable.subject_id
),
-- The account may show other debts than the bureau's file, and the same ones: at least the greater of both is due.
served AS (
    SELECT subject_id, income, cash, requested + greatest(debt_service, monthly * months) AS due
    FROM debts
    JOIN finances() USING (subject_id)
    WHERE monthly IS NOT NULL
),
factors AS (
    SELECT subject_id, list(text ORDER BY rank) AS texts
    FROM key_factors
    SEMI JOIN files USING (subject_id)
    GROUP BY subject_id
)
SELECT
    subjects.subject_id,
    coalesce(files.file_status, CASE WHEN NOT bureau_permitted THEN 'not_asked' END) AS credit_file,
    concerns.concern AS credit_alert,
    files.bureau AS credit_bureau,
    strftime(files.reported_on, '%Y-%m-%d') AS credit_report_date,
    CASE WHEN has_score THEN readable.score END AS credit_score,
    CASE WHEN NOT has_score THEN coalesce(readable.exclusion_code, readable.score::VARCHAR) END
        AS credit_score_exclusion,
    files.score_model AS credit_score_model,
    files.score_min AS credit_score_min,
    files.score_max AS credit_score_max,
    factors.texts[1] AS credit_score_factor_1,
    factors.texts[2] AS credit_score_factor_2,
    factors.texts[3] AS credit_score_factor_3,
    factors.texts[4] AS credit_score_factor_4,
    files.inquiries_factor AS credit_score_inquiries_factor,
    CASE
        WHEN readable.revolving_balance = 0 THEN 0 ELSE ratio(readable.revolving_balance, readable.revolving_limit)
    END AS revolving_utilisation,
    entries.delinquencies AS delinquencies_24m,
    entries.insolvencies AS insolvencies,
    entries.inquiries AS inquiries_6m,
    debts.monthly AS monthly_liabilities,
    ratio(served.cash, served.due) AS reported_debt_service_coverage,
    ratio(served.due, served.income) AS reported_debt_to_income,
    files.covered_borrower AS covered_borrower,
    subjects.as_of - files.reported_on AS covered_borrower_age_days,
    mapr
FROM subjects
LEFT JOIN files USING (subject_id)
LEFT JOIN concerns USING (subject_id)
LEFT JOIN readable USING (subject_id)
LEFT JOIN entries USING (subject_id)
LEFT JOIN debts USING (subject_id)
LEFT JOIN served USING (subject_id)
LEFT JOIN factors USING (subject_id)
LEFT JOIN request_terms USING (subject_id)
