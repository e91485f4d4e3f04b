-- What the queries build on.

-- A ratio; not known where the denominator is not positive.
CREATE MACRO ratio(part, whole) AS CASE WHEN whole > 0 THEN part::DOUBLE / whole END;

-- A count or a sum, zero where there is nothing to add up; not known unless `condition` holds.
CREATE MACRO known(condition, total) AS CASE WHEN condition THEN coalesce(total, 0) END;

-- Whether the latest event, `age` days ago, was before the window of `days`, or there never was one.
CREATE MACRO none_within(days, age) AS coalesce(age >= days, TRUE);

-- greatest() would ignore a value that is not known.
CREATE MACRO at_least_zero(value) AS CASE WHEN value < 0 THEN 0 ELSE value END;

-- An integer quotient, rounded down also below zero.
CREATE MACRO floored(dividend, divisor) AS (dividend - ((dividend % divisor) + divisor) % divisor) // divisor;

-- Sample standard deviation over the mean; not known for fewer than two values or a mean that is not positive.
CREATE MACRO variation(value) AS ratio(stddev_samp(value), avg(value));

-- First day of the month that is `months` months before the month of `day`.
CREATE MACRO month_start(day, months) AS (date_trunc('month', day) - to_months(months))::DATE;

-- The UTC day of a moment, whether its column carries a zone or not.
CREATE MACRO utc_day(moment) AS make_timestamp(epoch_us(moment))::DATE;
