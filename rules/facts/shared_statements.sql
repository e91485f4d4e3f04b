-- What several checks of the pre-screening read out of statements and accounts.

-- What a statement line adds to income, spending and debt service. Transfers between own accounts and loans paid
-- out are neither; a returned payment undoes spending. Of what the service could not classify, money out is taken
-- for spending and money in is not taken for income.
CREATE MACRO income(amount, category) AS CASE WHEN category = 'income' THEN amount ELSE 0 END;
CREATE MACRO debt_service(amount, category) AS CASE WHEN category = 'debt_service' THEN -amount ELSE 0 END;
CREATE MACRO spending(amount, category) AS
    CASE WHEN coalesce(category, if(amount < 0, 'spending', '')) IN ('spending', 'fee', 'returned') THEN -amount ELSE 0 END;

-- The place, from 1, of the first line up to as_of, in booking order, that does not add up: its balance is not the one
-- before it plus its amount, it is outside the period, or its number appears twice on its day.
CREATE MACRO broken_lines() AS TABLE
WITH followed AS (
    SELECT
        subject_id,
        row_number() OVER booking AS place,
        (lag(balance, 1, opening_balance) OVER booking)::HUGEINT + amount = balance
            AND booked_on BETWEEN period_start AND period_end
            AND count(*) OVER (PARTITION BY subject_id, booked_on, line_no) = 1
            AS adds_up
    FROM statement_lines
    JOIN statements USING (subject_id)
    JOIN subjects USING (subject_id, currency)
    WHERE booked_on <= as_of
    WINDOW booking AS (PARTITION BY subject_id ORDER BY booked_on, line_no)
)
SELECT subject_id, min(place) AS place
FROM followed
WHERE NOT adds_up
GROUP BY subject_id;

-- Accounts up to as_of in which two years end on one day, or a profit is larger than its revenue.
CREATE MACRO contradicting_accounts() AS TABLE
SELECT subject_id
FROM subjects
JOIN financial_statements USING (subject_id, currency)
JOIN financial_years USING (subject_id)
WHERE period_end <= as_of
GROUP BY subject_id
HAVING count(*) > count(DISTINCT period_end) OR bool_or(profit > revenue);

-- The days that a subject's statements cover, none after as_of, where they are in the application's currency and add up.
-- The window of the facts on statements starts with the sixth month before as_of's.
CREATE MACRO statement_period() AS TABLE
SELECT
    subject_id,
    as_of,
    requested_instalment,
    period_start AS covered_from,
    least(period_end, as_of) AS covered_to,
    greatest(period_start, month_start(as_of, 6)) AS window_start,
    opening_balance
FROM subjects
JOIN statements USING (subject_id, currency)
ANTI JOIN broken_lines() USING (subject_id)
WHERE period_start <= least(period_end, as_of);

-- Income, profit, and cash before debt service, with the debt service and the instalments requested of as many months:
-- a company's latest financial year, or a person's whole months of statements.
CREATE MACRO finances() AS TABLE
WITH applicants AS (
    SELECT subject_id, company_number IS NOT NULL AS is_company FROM people
),
-- A year is compared with the one that ended a year before it, give or take a month. A private company's accounts
-- may come nine months after the year (UK Companies Act 2006, s. 442), so a year that ended 24 months ago is stale.
company AS (
    SELECT
        subject_id,
        12 AS months,
        12 * requested_instalment AS requested,
        revenue AS income,
        profit,
        operating_cash_flow AS cash,
        debt_service,
        revenue AS recent_income,
        CASE
            WHEN lag(period_end) OVER earlier
                BETWEEN period_end - INTERVAL 13 MONTH AND period_end - INTERVAL 11 MONTH
            THEN lag(revenue) OVER earlier
        END AS earlier_income
    FROM subjects
    JOIN financial_statements USING (subject_id, currency)
    JOIN financial_years USING (subject_id)
    SEMI JOIN (FROM applicants WHERE is_company) AS companies USING (subject_id)
    ANTI JOIN contradicting_accounts() USING (subject_id)
    WHERE period_end <= as_of
    WINDOW earlier AS (PARTITION BY subject_id ORDER BY period_end)
    QUALIFY lead(period_end) OVER earlier IS NULL AND period_end > as_of - INTERVAL 24 MONTH
),
-- The whole months covered, of the six before as_of's. All of the last three have to be, and at least two before
-- them for a comparison.
person_months AS (
    SELECT
        subject_id,
        requested_instalment,
        month_start(as_of, 0) AS until,
        month_start(as_of, 3) AS recent,
        month_start(window_start - 1, -1) AS since,
        date_diff('month', since, until) AS months
    FROM statement_period()
    SEMI JOIN (FROM applicants WHERE NOT is_company) AS persons USING (subject_id)
    WHERE covered_to >= until - 1 AND months >= 3
),
person AS (
    SELECT
        person_months.subject_id,
        any_value(months) AS months,
        any_value(months * requested_instalment) AS requested,
        sum(income(amount, category)) AS income,
        sum(income(amount, category) - spending(amount, category) - debt_service(amount, category)) AS profit,
        sum(income(amount, category) - spending(amount, category)) AS cash,
        sum(debt_service(amount, category)) AS debt_service,
        sum(if(booked_on >= recent, income(amount, category), 0)) / 3 AS recent_income,
        CASE
            WHEN any_value(months) >= 5
            THEN sum(if(booked_on < recent, income(amount, category), 0)) / (any_value(months) - 3)
        END AS earlier_income
    FROM person_months
    LEFT JOIN statement_lines
        ON person_months.subject_id = statement_lines.subject_id AND booked_on >= since AND booked_on < until
    GROUP BY person_months.subject_id
)
FROM company
UNION ALL
FROM person;
