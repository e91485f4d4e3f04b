-- What the applicant earns and what debts take of it, the requested instalments included.
SELECT
    subjects.subject_id,
    CASE
        WHEN company_number IS NULL THEN true
        WHEN financial_statements.subject_id IS NOT NULL THEN contradicting.subject_id IS NULL
    END AS accounts_add_up,
    ratio(profit, income) AS profit_margin,
    ratio(recent_income - earlier_income, earlier_income) AS revenue_growth,
    ratio(cash, debt_service + requested) AS debt_service_coverage,
    ratio(debt_service + requested, income) AS debt_to_income
FROM subjects
JOIN people USING (subject_id)
LEFT JOIN financial_statements
    ON subjects.subject_id = financial_statements.subject_id AND subjects.currency = financial_statements.currency
LEFT JOIN contradicting_accounts() AS contradicting ON subjects.subject_id = contradicting.subject_id
LEFT JOIN finances() AS finances ON subjects.subject_id = finances.subject_id
