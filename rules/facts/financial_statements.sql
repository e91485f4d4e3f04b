-- What the applicant earns and what debts take of it, the requested instalments included.
SELECT
    subject_id,
    ratio(profit, income) AS profit_margin,
    ratio(recent_income - earlier_income, earlier_income) AS revenue_growth,
    ratio(cash, debt_service + requested) AS debt_service_coverage,
    ratio(debt_service + requested, income) AS debt_to_income
FROM finances()
