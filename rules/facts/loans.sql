-- The user's loans with us that run on as_of.
SELECT
    ongoing_loans.subject_id,
    count(loan_id) AS loans_open,
    coalesce(sum(monthly_instalment), 0) AS loan_instalments
FROM ongoing_loans
JOIN subjects USING (subject_id, currency)
LEFT JOIN loans
    ON ongoing_loans.subject_id = loans.subject_id
    AND loans.status = 'open'
    AND loans.opened_on <= subjects.as_of
GROUP BY ongoing_loans.subject_id
