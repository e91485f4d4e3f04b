-- Loans that run with us, and what their instalments take of the income together with the requested ones.
WITH open_loans AS (
    SELECT
        ongoing_loans.subject_id,
        count(loan_id) AS loans,
        coalesce(sum(monthly_instalment), 0) AS instalments
    FROM ongoing_loans
    JOIN subjects USING (subject_id, currency)
    LEFT JOIN loans
        ON ongoing_loans.subject_id = loans.subject_id
        AND loans.status = 'open'
        AND loans.opened_on <= subjects.as_of
    GROUP BY ongoing_loans.subject_id
)
SELECT
    subject_id,
    open_loans.loans AS open_loans,
    ratio(open_loans.instalments * months + requested, income) AS instalment_burden
FROM open_loans
LEFT JOIN finances() USING (subject_id)
