-- What the queries build on.

-- A share of something that is there: not known where the denominator is not positive.
CREATE MACRO ratio(part, whole) AS CASE WHEN whole > 0 THEN part::DOUBLE / whole END;

-- A count or a sum, zero where there is nothing to add up; not known unless `condition` holds.
CREATE MACRO known(condition, total) AS CASE WHEN condition THEN coalesce(total, 0) END;

-- Whether the latest of something, `age` days ago, lies before the window of `days`, or there never was one.
CREATE MACRO none_within(days, age) AS coalesce(age >= days, TRUE);

-- greatest() would take what is not known for zero.
CREATE MACRO at_least_zero(value) AS CASE WHEN value < 0 THEN 0 ELSE value END;

-- An integer quotient, rounded down also below zero.
CREATE MACRO floored(dividend, divisor) AS (dividend - ((dividend % divisor) + divisor) % divisor) // divisor;

-- Sample standard deviation over the mean; not known for fewer than two values or a mean that is not positive.
CREATE MACRO variation(value) AS ratio(stddev_samp(value), avg(value));

-- First day of the month that lies `months` before the month of `day`.
CREATE MACRO month_start(day, months) AS (date_trunc('month', day) - to_months(months))::DATE;

-- The UTC day of a moment, whether its column carries a zone or not.
CREATE MACRO utc_day(moment) AS make_timestamp(epoch_us(moment))::DATE;

-- Minor units in a major one, as ISO 4217 has them: 100 but for these.
CREATE MACRO major_unit(currency) AS CASE
    WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 1000
    WHEN currency IN ('CLF', 'UYW') THEN 10000
    WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 1
    ELSE 100
END;

-- The categories of `underwriting.domain.histories` as numbers, which are compared faster than text; what is none of
-- them is as good as not classified. The macros below say what the numbers mean; the sign tells money in from out.
CREATE MACRO kind_of(category) AS list_position(
    [
        'wages', 'benefits', 'gig', 'other_income',
        'housing', 'utilities', 'groceries', 'transport', 'health', 'insurance', 'family',
        'spending', 'cash', 'fee', 'overdraft_fee', 'gambling',
        'advance', 'transfer', 'refund', 'returned', 'own_float', 'loan', 'interest', 'proceeds'
    ],
    category
);
CREATE MACRO is_income(kind) AS kind <= 4;
CREATE MACRO is_essential(kind) AS kind BETWEEN 5 AND 11;
CREATE MACRO is_spending(kind) AS kind BETWEEN 5 AND 16;
